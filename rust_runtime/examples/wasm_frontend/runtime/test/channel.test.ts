// Requests and answers between a page and a worker, and what becomes of them when the worker ends.
import { beforeEach, expect, test } from "vitest";
import { Channel } from "../src/channel.js";
import { OxidizedVisionError } from "../src/errors.js";
import type { AnswerMessage, RequestMessage } from "../src/protocol.js";
import type { WorkerLike } from "../src/workers.js";
import { failure } from "./support.js";

class Silent implements WorkerLike<RequestMessage> {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  onmessageerror: ((event: MessageEvent) => void) | null = null;
  heard: RequestMessage[] = [];
  terminated = false;

  postMessage(message: RequestMessage): void {
    this.heard.push(message);
  }

  terminate(): void {
    this.terminated = true;
  }

  say(data: AnswerMessage): void {
    this.onmessage?.({ data } as MessageEvent);
  }
}

let worker: Silent;
let channel: Channel;
const memory = { call: "memoryBytes" } as const;
const unsupported = { kind: "unsupported", message: "no Erf", hint: "Use tract." } as const;

beforeEach(() => {
  worker = new Silent();
  channel = new Channel(worker);
});

test("answers find their requests in whatever order they come", async () => {
  const first = channel.ask(memory);
  const second = channel.ask(memory);
  worker.say({ id: 1, value: 20 });
  worker.say({ id: 0, value: 10 });
  expect(await Promise.all([first, second])).toEqual([10, 20]);
});

test("an error arrives whole, and the worker lives on", async () => {
  const asked = channel.ask(memory);
  worker.say({ id: 0, error: unsupported, dead: false });
  await expect(asked).rejects.toBeInstanceOf(OxidizedVisionError);
  expect(await failure(asked)).toEqual(unsupported);
  expect(channel.open).toBe(true);
});

test("a dead module ends the worker and everything that waits", async () => {
  const [first, second] = [channel.ask(memory), channel.ask(memory)];
  worker.say({ id: 0, error: { ...unsupported, kind: "panicked" }, dead: true });
  expect((await failure(first)).kind).toBe("panicked");
  expect((await failure(second)).kind).toBe("panicked");
  expect([channel.open, worker.terminated]).toEqual([false, true]);
});

test("after the end, requests are refused and late answers dropped", async () => {
  const waiting = channel.ask(memory);
  channel.end(new OxidizedVisionError("interrupted", "given up"));
  worker.say({ id: 0, value: 10 });
  expect((await failure(waiting)).kind).toBe("interrupted");
  expect((await failure(channel.ask(memory))).kind).toBe("interrupted");
  expect(worker.heard).toHaveLength(1);
});

test("a script that cannot be loaded is an error about the worker", async () => {
  const asked = channel.ask(memory);
  worker.onerror?.({ message: "" } as ErrorEvent);
  expect(await failure(asked)).toMatchObject({
    kind: "backend_unavailable",
    message: expect.stringContaining("script could not be loaded"),
  });
});

test("a message that cannot be read ends the worker", async () => {
  const asked = channel.ask(memory);
  worker.onmessageerror?.({} as MessageEvent);
  expect((await failure(asked)).message).toContain("could not be read");
  expect(worker.terminated).toBe(true);
});
