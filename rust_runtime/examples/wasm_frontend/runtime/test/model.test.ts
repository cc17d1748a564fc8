// A model's calls take turns; aborts and traps end a worker and never the model.
import { expect, test } from "vitest";
import { type ErrorData, OxidizedVisionError } from "../src/errors.js";
import { WorkerModel } from "../src/model.js";
import type { Choice, Engine } from "../src/types.js";
import { type Behaviour, FakeSessions, failure, floats, recipe } from "./support.js";

const broken: ErrorData = { kind: "engine_failed", message: "Conv failed", hint: "" };
const picture = floats("input", 1, 2);
const hang = floats("hang", 0);

async function opened(
  behaviours: Partial<Record<Engine, Behaviour>> = {},
  alternative?: Engine,
): Promise<{ model: WorkerModel; sessions: FakeSessions }> {
  const sessions = new FakeSessions(behaviours);
  const first = recipe("rten");
  const choice: Choice = {
    engine: "rten",
    threads: 1,
    why: "first",
    candidates: [{ engine: "rten", threads: 1, bestMs: 5 }],
  };
  const plan = {
    start: sessions.start,
    recipe: first,
    alternative: alternative && recipe(alternative),
  };
  const session = await sessions.start(first, {});
  return { model: new WorkerModel(plan, session, choice), sessions };
}

/** Lets everything happen that can happen. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test("a run gives tensors back and leaves the caller's arrays alone", async () => {
  const { model } = await opened();
  expect(await model.run([picture])).toEqual([picture]);
  expect(picture.data).toHaveLength(2);
});

test("a part of an array is sent without the rest", async () => {
  const { model, sessions } = await opened();
  const data = new Float32Array(1000).subarray(10, 12);
  await model.run([{ ...picture, data }]);
  const [asked] = sessions.started[0]?.session.asked ?? [];
  expect(asked?.call === "run" && asked.inputs[0]?.data.buffer.byteLength).toBe(8);
});

test("calls wait for each other", async () => {
  const { model, sessions } = await opened();
  const stop = new AbortController();
  const first = failure(model.run([hang], { signal: stop.signal }));
  const second = model.run([picture]);
  await settled();
  expect(sessions.started[0]?.session.asked).toHaveLength(1);
  stop.abort();
  await first;
  expect(await second).toEqual([picture]);
});

test("an abort ends the worker, and the next call has another", async () => {
  const { model, sessions } = await opened();
  const stop = new AbortController();
  const run = model.run([hang], { signal: stop.signal });
  await settled();
  stop.abort("the user went away");
  await expect(run).rejects.toMatchObject({ kind: "interrupted", cause: "the user went away" });
  expect(sessions.open).toEqual([]);
  await model.run([picture]);
  expect(sessions.open).toEqual(["rten"]);
});

test("an abort of a call that waits leaves the worker alone", async () => {
  const { model, sessions } = await opened();
  const first = new AbortController();
  const running = failure(model.run([hang], { signal: first.signal }));
  const second = new AbortController();
  const waiting = model.run([picture], { signal: second.signal });
  await settled();
  second.abort();
  expect((await failure(waiting)).kind).toBe("interrupted");
  expect(sessions.open).toEqual(["rten"]);
  first.abort();
  expect((await running).kind).toBe("interrupted");
});

test("a signal that is aborted before the call asks nothing", async () => {
  const { model, sessions } = await opened();
  const run = model.run([picture], { signal: AbortSignal.abort() });
  expect((await failure(run)).kind).toBe("interrupted");
  await settled();
  expect(sessions.started[0]?.session.asked).toHaveLength(0);
});

test("a worker that a trap ended is followed by another", async () => {
  const { model, sessions } = await opened();
  sessions.started[0]?.session.end("trap");
  expect(await model.run([picture])).toEqual([picture]);
  expect(sessions.started).toHaveLength(2);
});

test("closing ends what runs and what waits, and refuses what comes", async () => {
  const { model, sessions } = await opened();
  const calls = [model.run([hang]), model.run([picture])];
  await settled();
  model.close();
  for (const call of calls) expect((await failure(call)).kind).toBe("interrupted");
  const later = await failure(model.run([picture]));
  expect(later).toMatchObject({ kind: "backend_unavailable", message: "net.onnx was closed" });
  expect(sessions.open).toEqual([]);
  model.close();
});

test("closing while a worker starts leaves none behind", async () => {
  const { model, sessions } = await opened();
  sessions.started[0]?.session.end("trap");
  const run = failure(model.run([picture]));
  model.close();
  expect((await run).kind).toBe("interrupted");
  await settled();
  expect(sessions.open).toEqual([]);
});

test("the other engine takes over where a run fails, and says why", async () => {
  const { model, sessions } = await opened({ rten: { fails: broken } }, "tract");
  expect(await model.run([picture])).toEqual([picture]);
  expect(model.engine).toBe("tract");
  expect(model.choice.why).toBe("rten failed in a run: Conv failed");
  expect(model.choice.candidates[0]?.problem).toEqual(broken);
  expect(sessions.open).toEqual(["tract"]);
});

test("where the other engine fails too, the first error counts and nothing changes", async () => {
  const worse = { ...broken, message: "no such operator" };
  const { model, sessions } = await opened(
    { rten: { fails: broken }, tract: { fails: worse } },
    "tract",
  );
  expect((await failure(model.run([picture]))).message).toBe("Conv failed");
  expect(model.engine).toBe("rten");
  expect(sessions.open).toEqual(["rten"]);
});

test("the user's own mistakes are not tried elsewhere", async () => {
  const mistake: ErrorData = { kind: "shape_mismatch", message: "expected 4 axes", hint: "" };
  const { model, sessions } = await opened({ rten: { fails: mistake } }, "tract");
  expect(await failure(model.run([picture]))).toEqual(mistake);
  expect(sessions.started).toHaveLength(1);
});

test("a picture that cannot be read is an error about the picture", async () => {
  const { model } = await opened();
  const gone = new Blob(["x"]);
  gone.arrayBuffer = () => Promise.reject(new DOMException("gone", "NotFoundError"));
  expect(await failure(model.predict(gone))).toMatchObject({ kind: "unreadable" });
  expect(new OxidizedVisionError("input", "m").toJSON().kind).toBe("input");
});
