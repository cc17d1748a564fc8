// The status page: what is asked for each second, and the picture that a person gives.

import { Problem, isOk, jsonOrNull, predict, text } from "./api.js";
import { drawn } from "./answer.js";
import { LENGTH, charts } from "./charts.js";
import { served, show, takesPictures } from "./models.js";
import { figures, samples, totals } from "./series.js";

const EVERY_MS = 1000;
const find = (id) => document.getElementById(id);
const draw = charts(find("charts"));

/* What is served, and the load. */

let history = [];
let last = null;

function state(words, kind) {
  const pill = find("server-state");
  if (pill.textContent !== words) pill.textContent = words;
  pill.className = `pill ${kind}`;
}

function options(select, entries) {
  const chosen = select.value;
  const fresh = entries.map(([value, label, off]) => {
    const option = new Option(label, value);
    option.disabled = Boolean(off);
    return option;
  });
  const told = (list) => [...list].map((o) => `${o.value}\n${o.text}\n${o.disabled}`).join("\n");
  if (told(fresh) === told(select.options)) return;
  select.replaceChildren(...fresh);
  const usable = fresh.filter((option) => !option.disabled).map((option) => option.value);
  select.value = usable.includes(chosen) ? chosen : (usable[0] ?? "");
}

/** A model as it may be chosen: by its name, and by each version where it has several. */
function choices(versions) {
  const [{ name }] = versions;
  const entry = (of, value, label) => {
    const fit = of.some(takesPictures);
    const never = of.every((model) => model.told.pictures === false);
    const why = never ? "takes no pictures" : "is not ready";
    return [value, fit ? label : `${label} (${why})`, !fit];
  };
  const whole = entry(versions, name, name);
  if (versions.length === 1) return [whole];
  const single = ({ version }) => `${name}, version ${version}`;
  return [whole, ...versions.map((one) => entry([one], `${name}\n${one.version}`, single(one)))];
}

function chosen() {
  const [model, version] = find("model").value.split("\n");
  return { model, version };
}

function offer(models) {
  const names = [...new Set(models.map((model) => model.name))];
  const entries = names.flatMap((name) => choices(models.filter((model) => model.name === name)));
  options(find("model"), entries);
  options(find("shown"), [["", "all models"], ...names.map((name) => [name, name])]);
  const none = entries.every(([, , off]) => off);
  find("model").disabled = find("file").disabled = none;
  find("drop").classList.toggle("off", none);
  if (none) find("drop-note").textContent = "No model that takes pictures is ready";
  else if (!running) find("drop-note").textContent = "JPEG, PNG, WebP or BMP";
}

function measure(now, list) {
  const sums = totals(list, find("shown").value);
  if (last) history.push(figures(last.sums, sums, (now - last.at) / 1000));
  history = history.slice(-LENGTH);
  last = { sums, at: now };
  draw(history);
}

async function look() {
  const [models, metrics, ready] = await Promise.all([
    served(),
    text("metrics"),
    isOk("v2/health/ready"),
  ]);
  measure(performance.now(), samples(metrics));
  show(find("models"), models);
  offer(models);
  if (ready) state("ready", "ready");
  else state("not ready", "loading");
}

async function watch() {
  if (!document.hidden) {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      state(error.status === 0 ? "server away" : `answers ${error.status}`, "unavailable");
      last = null;
    } finally {
      setTimeout(watch, EVERY_MS);
    }
  } else {
    last = null;
    setTimeout(watch, EVERY_MS);
  }
}

find("shown").addEventListener("change", () => {
  history = [];
  last = null;
  draw(history);
});

/* The picture that a person gives. */

let running = null;
let given = null;
let shownUrl = null;

function trouble(words) {
  find("problem").textContent = words;
  find("problem").hidden = !words;
}

function waiting(name) {
  find("drop-note").textContent = name ? `${name} is on its way` : "JPEG, PNG, WebP or BMP";
  find("drop").classList.toggle("busy", Boolean(name));
}

function refusal(file) {
  if (!file.type || file.type.startsWith("image/")) return "";
  return `${file.name} is not a picture (${file.type}). Give a JPEG, PNG, WebP or BMP.`;
}

async function run(file) {
  running?.abort();
  const refused = refusal(file);
  trouble(refused);
  if (refused) {
    find("answer").hidden = true;
    return;
  }
  given = file;
  const own = (running = new AbortController());
  waiting(file.name || "The picture");
  try {
    const result = await predict(file, chosen(), own.signal);
    const url = URL.createObjectURL(file);
    const parts = await drawn(result, url);
    if (own !== running) return URL.revokeObjectURL(url);
    if (shownUrl) URL.revokeObjectURL(shownUrl);
    shownUrl = url;
    find("answer").replaceChildren(...parts);
    find("answer").hidden = false;
  } catch (error) {
    if (own === running) {
      find("answer").hidden = true;
      trouble(error.message);
    }
  } finally {
    if (own === running) {
      running = null;
      waiting("");
    }
  }
}

const fileOf = (transfer) => [...(transfer?.files ?? [])][0];

find("file").addEventListener("change", () => {
  const [file] = find("file").files;
  // The same file may be chosen again.
  find("file").value = "";
  if (file) run(file);
});
find("model").addEventListener("change", () => given && run(given));
find("try").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("paste", (event) => {
  const file = fileOf(event.clipboardData);
  if (file) run(file);
});
for (const name of ["dragover", "dragenter", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    find("drop").classList.toggle("over", name === "dragover" || name === "dragenter");
    const file = name === "drop" ? fileOf(event.dataTransfer) : null;
    if (file) run(file);
  });
}

jsonOrNull("v2").then(
  (about) => (find("server-version").textContent = about?.version ?? ""),
  () => {},
);
draw(history);
watch();
