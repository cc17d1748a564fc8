// Keeps the page, its modules and its model for use without a network, and gives documents and
// workers the two headers that threads need, since a static host cannot.
const VERSION = "__VERSION__";
const FILES = [
  /* __FILES__ */
];
const KEPT = `oxidizedvision-${self.registration.scope}-${VERSION}`;
const OF_THIS_PAGE = `oxidizedvision-${self.registration.scope}-`;
const ISOLATED = ["document", "iframe", "worker", "sharedworker"];

self.addEventListener("install", (event) => {
  event.waitUntil(keep(["./", ...FILES]).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOlder().then(() => self.clients.claim()));
});

self.addEventListener("message", (event) => {
  if (event.data?.keep) {
    const work = keep(event.data.keep).then(
      () => event.ports[0]?.postMessage({ kept: true }),
      (error) => event.ports[0]?.postMessage({ kept: false, why: String(error) }),
    );
    event.waitUntil(work);
  }
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const here = request.url.startsWith(self.registration.scope);
  if (request.method !== "GET" || !here) return;
  event.respondWith(answer(event).then((response) => isolated(request, response)));
});

async function keep(addresses) {
  const cache = await caches.open(KEPT);
  await Promise.all(
    addresses.map(async (address) => {
      const url = new URL(address, self.registration.scope);
      const response = await fetch(url, { cache: "no-cache" });
      if (!response.ok) throw new Error(`${url.pathname}: ${response.status}`);
      await cache.put(url, response);
    }),
  );
}

async function forgetOlder() {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith(OF_THIS_PAGE) && name !== KEPT);
  await Promise.all(older.map((name) => caches.delete(name)));
}

/** What has its hash in its name never changes; all else is asked for anew while there is a network. */
async function answer(event) {
  const { request } = event;
  const cache = await caches.open(KEPT);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept && new URL(request.url).pathname.includes("/assets/")) return kept;
  try {
    const response = await fetch(request);
    if (kept && response.ok) event.waitUntil(cache.put(request, response.clone()).catch(() => {}));
    return response;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

function isolated(request, response) {
  const wanted = ISOLATED.includes(request.destination) || request.mode === "navigate";
  if (!wanted || response.type === "opaqueredirect" || response.type === "error") return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
