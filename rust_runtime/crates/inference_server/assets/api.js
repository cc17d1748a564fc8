// What the page asks of the server, and what went wrong in words.

/** A request that was not answered as hoped; `message` is for people, `status` is 0 when none came. */
export class Problem extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const WORDS = {
  0: "The server does not answer. It may have ended, or the connection is broken.",
  413: "That is more than this server takes.",
  415: "That is not a picture this server can read: it takes JPEG, PNG, WebP and BMP.",
  429: "The queue is full.",
  499: "The request was given up.",
  503: "The model is not ready.",
  504: "The answer was not there in time.",
};

async function request(path, options = {}) {
  try {
    return await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(WORDS[0]);
  }
}

async function problemOf(response) {
  const text = await response.text().catch(() => "");
  let told = "";
  try {
    told = JSON.parse(text).error ?? "";
  } catch {
    told = "";
  }
  const seconds = Number(response.headers.get("retry-after"));
  const wait = seconds > 0 ? `Try again in ${seconds} s.` : "";
  const parts = [WORDS[response.status] ?? `The server answered ${response.status}.`, wait];
  const words = parts.filter(Boolean).join(" ");
  return new Problem(told ? `${words} It says: ${told}` : words, response.status);
}

/** The JSON of a path. */
export async function json(path, options) {
  const response = await request(path, options);
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

/** The JSON of a path, and null where the server has none. */
export async function jsonOrNull(path, options) {
  const response = await request(path, options);
  return response.ok ? response.json().catch(() => null) : null;
}

/** Whether a path is answered with success. */
export async function isOk(path) {
  return (await request(path)).ok;
}

/** The text of a path. */
export async function text(path) {
  const response = await request(path);
  if (!response.ok) throw await problemOf(response);
  return response.text();
}

/** Milliseconds by phase, as `Server-Timing` has them. */
export function phases(header) {
  return (header ?? "").split(",").flatMap((entry) => {
    const [name, ...parameters] = entry.split(";").map((part) => part.trim());
    const duration = parameters.find((part) => part.startsWith("dur="));
    return name && duration ? [{ name, ms: Number(duration.slice(4)) }] : [];
  });
}

/** Sends a picture to a model, of which a version may be told, and gives the answer with the time
 * that it took and where that went. */
export async function predict(file, { model, version }, signal) {
  const start = performance.now();
  const query = new URLSearchParams(version ? { model, version } : { model });
  const response = await request(`predict?${query}`, {
    method: "POST",
    headers: { "Content-Type": file.type || "application/octet-stream" },
    body: file,
    signal,
  });
  if (!response.ok) throw await problemOf(response);
  const answer = await response.json();
  const timing = phases(response.headers.get("server-timing"));
  return { answer, timing, elapsed: performance.now() - start };
}
