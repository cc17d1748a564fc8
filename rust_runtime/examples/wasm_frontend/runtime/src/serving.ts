import { errorToData, isError, OxidizedVisionError } from "./errors.js";
import { Instance } from "./instance.js";
import { type AnswerMessage, buffersIn, type RequestMessage } from "./protocol.js";
import type { RawModule } from "./raw.js";

/** The side of a worker that hears requests: its global scope, or one end of a channel. */
export interface Port {
  postMessage(message: AnswerMessage, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<RequestMessage>) => void): void;
}

/** Answer the requests that come in through `port`, one after the other. */
export function serve(port: Port, open: (glue: string) => Promise<RawModule>): void {
  let instance: Instance | undefined;
  let turn: Promise<void> = Promise.resolve();

  async function answer({ id, request }: RequestMessage): Promise<AnswerMessage> {
    if (request.call !== "load") {
      if (instance === undefined) throw notLoaded();
      return { id, value: instance.answer(request) };
    }
    const started = performance.now();
    const [opened, loaded] = await Instance.load(await open(request.glue), request, started);
    instance = opened;
    return { id, value: loaded };
  }

  async function handle(message: RequestMessage): Promise<void> {
    try {
      const answered = await answer(message);
      port.postMessage(answered, [...buffersIn(answered)]);
    } catch (thrown) {
      port.postMessage({ id: message.id, ...failure(thrown) }, []);
    }
  }

  port.addEventListener("message", ({ data }) => {
    turn = turn.then(() => handle(data));
  });
}

/** After an error that is none of the engine's own, nobody knows what state it is in. */
function failure(thrown: unknown): { error: ReturnType<typeof errorToData>; dead: boolean } {
  const dead = !isError(thrown) || thrown.kind === "panicked";
  return { error: errorToData(thrown), dead };
}

function notLoaded(): OxidizedVisionError {
  return new OxidizedVisionError("internal", "A worker was asked to run before it had a model");
}
