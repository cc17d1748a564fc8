import "./style/base.css";
import "./style/page.css";
import "./style/results.css";

import { supported } from "@oxidizedvision/runtime/bare";

import { App } from "./app.ts";
import { byId, h, replace } from "./dom.ts";
import { hearFiles } from "./inputs.ts";
import { keepForOffline, type Offline } from "./offline.ts";
import { problemOf, problemView } from "./problem.ts";
import { lookAround } from "./site.ts";
import { themeButton } from "./theme.ts";

const OFFLINE: Record<Offline, [string, string]> = {
  ready: ["Works offline", "Everything that the page needs is kept on this device."],
  keeping: ["Keeping for offline…", "The page is being kept on this device."],
  impossible: ["Online only", "This address or browser keeps no page for offline use."],
};

async function start(): Promise<void> {
  themeButton(byId("theme"));
  const { problem, ...support } = supported();
  if (problem) {
    replace(byId("notices"), problemView(problemOf(problem)));
    byId("main").hidden = true;
    return;
  }
  // Files may come before the page knows its engines.
  let early: File[] = [];
  let take = (files: File[]): void => {
    early = [...early, ...files];
  };
  hearFiles((files) => take(files));
  const site = await lookAround();
  if (site.engines.length === 0) {
    replace(byId("notices"), problemView(noEngine()));
    byId("main").hidden = true;
    return;
  }
  const app = new App(site);
  take = (files) => void app.take(files);
  const threads = support.threads && site.threads ? support.autoThreads : 1;
  const facts = (state: Offline) => showFacts(threads, state);
  void keepForOffline(site, () => app.begun, facts);
  if (site.bundle?.only) await openOwn(app, site.bundle.title);
  take(early);
}

async function openOwn(app: App, title: string): Promise<void> {
  document.title = title;
  byId("title").textContent = title;
  byId("droppable").textContent = "a picture";
  await app.openBundle();
}

function showFacts(threads: number, state: Offline): void {
  const [label, note] = OFFLINE[state];
  const offline = h("li", { class: state, title: note }, label);
  offline.id = "offline";
  replace(byId("facts"), h("li", {}, threads === 1 ? "1 thread" : `${threads} threads`), offline);
}

function noEngine() {
  const hint = "Build the modules with `make wasm` and put them into modules/ beside this page.";
  return {
    kind: "dependency_missing",
    title: "No engine stands beside this page",
    message: "There is none of modules/rten, modules/rten-threads and modules/tract.",
    hint,
  };
}

void start();
