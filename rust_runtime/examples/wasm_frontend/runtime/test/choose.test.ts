// `auto`: the faster engine that runs the model, and why it was chosen.
import { expect, test } from "vitest";
import { chooseEngine } from "../src/choose.js";
import type { ErrorData } from "../src/errors.js";
import { trialInputs } from "../src/trial.js";
import type { Engine, ModelInfo, TensorSpec } from "../src/types.js";
import { type Behaviour, FakeSessions, failure, recipe } from "./support.js";

const noErf: ErrorData = { kind: "unsupported", message: "no operator Erf", hint: "Use tract." };
const failed: ErrorData = { kind: "engine_failed", message: "Conv failed", hint: "" };

function choosing(behaviours: Partial<Record<Engine, Behaviour>>) {
  const sessions = new FakeSessions(behaviours);
  const chosen = chooseEngine(sessions.start, [recipe("rten"), recipe("tract")], {});
  return { sessions, chosen };
}

test.each([
  ["rten", { rten: { ms: 2 }, tract: { ms: 12 } }],
  ["tract", { rten: { ms: 12 }, tract: { ms: 2 } }],
] as const)("the faster one is kept: %s", async (engine, behaviours) => {
  const { sessions, chosen } = choosing(behaviours);
  const { choice, alternative } = await chosen;
  expect(choice.engine).toBe(engine);
  expect(sessions.open).toEqual([engine]);
  expect(alternative?.engine).toBe(engine === "rten" ? "tract" : "rten");
  expect(choice.why).toMatch(new RegExp(`^${engine} [\\d.]+ ms, .* on \\[1, 3, 4, 4\\]$`));
  for (const { bestMs } of choice.candidates) expect(bestMs).toBeGreaterThanOrEqual(2);
});

test("an engine that refuses the model is left out, with its reason", async () => {
  const { chosen } = choosing({ rten: { refuses: noErf } });
  const { choice, alternative } = await chosen;
  expect(choice.engine).toBe("tract");
  expect(choice.why).toContain("rten cannot: no operator Erf");
  expect(choice.candidates[0]).toMatchObject({ bestMs: null, problem: noErf });
  expect(alternative).toBeUndefined();
});

test("an engine whose run fails is left out, and its worker ends", async () => {
  const { sessions, chosen } = choosing({ rten: { fails: failed } });
  expect((await chosen).choice.candidates[0]?.problem).toEqual(failed);
  expect(sessions.open).toEqual(["tract"]);
});

test("where no engine runs on made-up inputs, the first that loaded is kept", async () => {
  const { sessions, chosen } = choosing({ rten: { fails: failed }, tract: { fails: failed } });
  const { choice } = await chosen;
  expect(choice.engine).toBe("rten");
  expect(choice.why).toContain("no engine ran");
  expect(sessions.open).toEqual(["rten"]);
});

test("where all refuse, each says why", async () => {
  const { chosen } = choosing({ rten: { refuses: noErf }, tract: { refuses: failed } });
  expect(await failure(chosen)).toEqual({
    kind: "unsupported",
    message: "rten: no operator Erf; tract: Conv failed",
    hint: "Use tract.",
  });
});

test("a model that is not to be had is not asked for twice", async () => {
  const missing: ErrorData = { kind: "not_found", message: "answered 404", hint: "" };
  const { sessions, chosen } = choosing({ rten: { refuses: missing } });
  expect(await failure(chosen)).toEqual(missing);
  expect(sessions.started).toHaveLength(0);
});

test("an engine that loaded before is ended too", async () => {
  const missing: ErrorData = { kind: "unreadable", message: "the file is gone", hint: "" };
  const { sessions, chosen } = choosing({ tract: { refuses: missing } });
  expect(await failure(chosen)).toEqual(missing);
  expect(sessions.started).toHaveLength(1);
  expect(sessions.open).toEqual([]);
});

test("an abort ends every worker", async () => {
  const sessions = new FakeSessions({ rten: { ms: 1 }, tract: { ms: 1 } });
  const stop = new AbortController();
  const onProgress = (): void => stop.abort();
  const recipes = [recipe("rten"), recipe("tract")];
  const chosen = chooseEngine(sessions.start, recipes, { signal: stop.signal, onProgress });
  expect((await failure(chosen)).kind).toBe("interrupted");
  expect(sessions.open).toEqual([]);
});

function shapes(specs: TensorSpec["dims"][], contract = {}, given = {}): number[][] {
  const inputs = specs.map((dims, index) => ({ name: `i${index}`, dtype: "f32" as const, dims }));
  return trialInputs({ inputs } as ModelInfo, contract, given).map(({ shape }) => shape);
}

test("trial inputs have the model's own shape, as far as it is known", () => {
  const resize = { preprocess: { resize: { width: 320, height: 200 } } };
  expect(shapes([[1, 3, 8, 8]])).toEqual([[1, 3, 8, 8]]);
  expect(shapes([["batch", 3, "height", "width"]])).toEqual([[1, 3, 224, 224]]);
  expect(shapes([["batch", 3, "height", "width"]], resize)).toEqual([[1, 3, 200, 320]]);
  expect(shapes([["n", "h", "w", 3]], resize)).toEqual([[1, 200, 320, 3]]);
  expect(shapes([["n", 10]], {}, { i0: [4, 10] })).toEqual([[4, 10]]);
});
