import { errorToData, isError } from "./errors.js";
import { Instance, opened } from "./instance.js";
import {
  type AnswerMessage,
  buffersIn,
  type RequestMessage,
  type ThreadMessage,
  type ThreadStart,
} from "./protocol.js";
import type { OpenGlue } from "./raw.js";

/** The side of a worker that hears and answers: its global scope, or one end of a channel. */
export interface Port<Heard, Said> {
  postMessage(message: Said, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Heard>) => void): void;
}

/** Answer the requests that come in through `port`, one after the other. */
export function serve(port: Port<RequestMessage, AnswerMessage>, open: OpenGlue): void {
  const instance = new Instance(open);
  let turn: Promise<void> = Promise.resolve();

  async function handle({ id, request }: RequestMessage): Promise<void> {
    try {
      const value = await instance.answer(request);
      port.postMessage({ id, value }, [...buffersIn(value)]);
    } catch (thrown) {
      // After an error that is none of the engine's own, nobody knows what state it is in.
      const dead = !isError(thrown) || thrown.kind === "panicked";
      port.postMessage({ id, error: errorToData(thrown), dead }, []);
    }
  }

  port.addEventListener("message", ({ data }) => {
    turn = turn.then(() => handle(data));
  });
}

/** Be a thread of the pool whose memory comes in through `port`. */
export function serveThread(port: Port<ThreadStart, ThreadMessage>, open: OpenGlue): void {
  port.addEventListener("message", async ({ data: { glue, module, memory } }) => {
    try {
      const imported = await opened(open, glue);
      imported.initSync({ module, memory });
      port.postMessage({ ready: true }, []);
      imported.startThread?.();
    } catch (thrown) {
      port.postMessage({ ended: errorToData(thrown) }, []);
    }
  });
}
