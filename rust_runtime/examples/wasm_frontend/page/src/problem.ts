import { h } from "./dom.ts";

/** What a person needs to know of something that went wrong. */
export interface Problem {
  kind: string;
  title: string;
  message: string;
  hint: string;
}

const TITLES: Record<string, string> = {
  corrupt: "This file is not a model that can be read",
  unsupported: "The model needs something that is missing here",
  backend_unavailable: "This engine is not here",
  unreadable: "The file could not be read",
  not_found: "The file is not there",
  input: "This picture cannot be used",
  config: "The settings do not fit the model",
  model: "The settings do not fit the model",
  shape_mismatch: "The picture does not fit the model",
  dtype_mismatch: "The picture does not fit the model",
  engine_failed: "The engine could not run the model",
  panicked: "The engine stopped",
  dependency_missing: "A part of this page is missing",
};

export function problemOf(thrown: unknown): Problem {
  const { kind, message, hint } = (thrown ?? {}) as {
    kind?: string;
    message?: string;
    hint?: string;
  };
  const known = typeof kind === "string" ? kind : "internal";
  return {
    kind: known,
    title: TITLES[known] ?? "Something went wrong",
    message: message ?? String(thrown),
    hint: hint ?? "",
  };
}

export function wasCancelled(thrown: unknown): boolean {
  const { kind, name } = (thrown ?? {}) as { kind?: string; name?: string };
  return kind === "interrupted" || name === "AbortError";
}

/** The problem, said at once to who cannot see it. */
export function problemView(
  { kind, title, message, hint }: Problem,
  ...ways: HTMLElement[]
): HTMLElement {
  const view = h(
    "div",
    { class: "problem", data: { kind } },
    h("strong", {}, title),
    h("p", { class: "said" }, ...withCode(message)),
    hint ? h("p", { class: "hint" }, ...withCode(hint)) : null,
    ways.length > 0 ? h("div", { class: "row" }, ...ways) : null,
  );
  view.setAttribute("role", "alert");
  return view;
}

/** What stands between backticks is code. */
function withCode(text: string): (string | HTMLElement)[] {
  return text.split("`").map((part, at) => (at % 2 === 1 ? h("code", {}, part) : part));
}
