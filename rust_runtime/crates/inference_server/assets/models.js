// The models that are served, as a list of cards.

import { json, jsonOrNull } from "./api.js";
import { short } from "./charts.js";

const facts = new Map();

const key = ({ name, version }) => `${name}\n${version}`;

/** Every model and version with its state, its tensors and what it has done. */
export async function served() {
  const [index, statistics, brief] = await Promise.all([
    json("v2/repository/index", { method: "POST" }),
    json("v2/models/stats"),
    jsonOrNull("models"),
  ]);
  const done = new Map(statistics.model_stats.map((entry) => [key(entry), entry]));
  const list = brief?.models ?? brief;
  const told = new Map(Array.isArray(list) ? list.map((entry) => [key(entry), entry]) : []);
  return Promise.all(
    index.map(async (entry) => ({
      ...entry,
      metadata: await metadata(entry),
      statistics: done.get(key(entry)) ?? null,
      told: told.get(key(entry)) ?? {},
    })),
  );
}

/** A version's tensors, asked for once for each time that it becomes ready. */
async function metadata(entry) {
  if (entry.state !== "READY") {
    facts.delete(key(entry));
    return null;
  }
  if (!facts.has(key(entry))) {
    const [name, version] = [entry.name, entry.version].map(encodeURIComponent);
    const found = await jsonOrNull(`v2/models/${name}/versions/${version}`);
    if (!found) return null;
    facts.set(key(entry), found);
  }
  return facts.get(key(entry));
}

/** Whether a model can be given a picture; where the server does not tell, it is tried. */
export function takesPictures(model) {
  return model.state === "READY" && model.told.pictures !== false;
}

function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

function tensors(title, list) {
  const items = list.map(({ name, datatype, shape }) => {
    const lengths = shape.map((length) => (length < 0 ? "any" : length)).join(" × ");
    return element("li", "", element("code", "", name), ` ${datatype} ${lengths || "one value"}`);
  });
  return element("div", "tensors", element("h4", "", title), element("ul", "", ...items));
}

function work({ statistics }) {
  if (!statistics) return "";
  const { success, fail } = statistics.inference_stats;
  const mean = success.count > 0 ? `${short(success.ns / success.count / 1e6)} ms each` : "";
  const parts = [`${short(success.count)} answered`, mean, fail.count > 0 ? `${short(fail.count)} failed` : ""];
  const { tuning } = statistics;
  if (tuning) parts.push(`${tuning.engines} × ${tuning.threads} threads`);
  return parts.filter(Boolean).join(" · ");
}

/** How requests share runs now, or why they do not. */
function batches({ metadata, statistics }) {
  const { parameters = {} } = metadata;
  const { batching, largest_batch: most } = statistics?.tuning ?? {
    batching: parameters.batching ?? "",
    largest_batch: parameters.max_batch_size,
  };
  if (batching !== "on") return batching;
  return most > 1 ? `batches of up to ${most}` : "one at a time is quickest";
}

function card(model) {
  const { name, version, state, reason } = model;
  const pill = element("span", `pill ${state.toLowerCase()}`, state.toLowerCase());
  const title = element("h3", "", `${name} `, element("small", "", `version ${version}`));
  const root = element("article", "model", element("div", "heading", title, pill));
  if (reason) root.append(element("p", "problem", reason));
  if (model.metadata) {
    const { inputs, outputs, parameters = {}, platform } = model.metadata;
    const engine = parameters.backend ?? platform;
    const line = [`${engine} ${parameters.backend_version ?? ""}`.trim(), batches(model)].filter(Boolean);
    root.append(element("p", "engine", line.join(" · ")));
    root.append(tensors("Inputs", inputs), tensors("Outputs", outputs));
  }
  root.append(element("p", "quiet", work(model)));
  return root;
}

/** Shows the models, and leaves the page alone where nothing changed. */
export function show(parent, models) {
  const cards = models.map(card);
  const none = element("p", "quiet", "No model is served yet.");
  const fresh = element("div", "", ...(cards.length > 0 ? cards : [none]));
  if (fresh.innerHTML !== parent.innerHTML) parent.replaceChildren(...fresh.childNodes);
}
