import { cpSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type ErrorData, errorFromData } from "../src/errors.js";
import { modulesAt } from "../src/modules.js";
import type { AnswerTo, Request, RequestMessage } from "../src/protocol.js";
import type { RawModule } from "../src/raw.js";
import { type Port, serve, serveThread } from "../src/serving.js";
import type { Recipe, Session, Start } from "../src/session.js";
import { Source } from "../src/source.js";
import type { Support } from "../src/supported.js";
import type { Engine, Tensor, TensorSpec } from "../src/types.js";
import type { WorkerLike } from "../src/workers.js";

/** The smallest WebAssembly module. */
export const EMPTY_MODULE = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);

export const CAPABLE: Support = {
  ok: true,
  simd: true,
  threads: false,
  crossOriginIsolated: false,
  autoThreads: 1,
  problem: undefined,
};

/** What fake/oxidizedvision.js takes for a model. */
export function fakeModel(says: Record<string, unknown> = {}): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(says));
}

/** A folder with the fake module, as the folders of modules/. */
export function fakeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "oxidizedvision-"));
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  cpSync(fakeGlue(), join(folder, "oxidizedvision.js"));
  writeFileSync(join(folder, "oxidizedvision_bg.wasm"), EMPTY_MODULE);
  return folder;
}

export function fakeGlue(): string {
  return fileURLToPath(new URL("./fake/oxidizedvision.js", import.meta.url));
}

export function floats(name: string, ...values: number[]): Tensor {
  return { name, dtype: "f32", shape: [1, values.length], data: new Float32Array(values) };
}

/** What a promise rejects with, as plain data. */
export async function failure(work: Promise<unknown>): Promise<ErrorData> {
  try {
    await work;
  } catch (error) {
    const { kind, message, hint } = error as ErrorData;
    return { kind, message, hint };
  }
  throw new Error("nothing failed");
}

let instances = 0;

/** A worker in this thread; what it hears and says goes through a real structured clone. */
export class FakeWorker implements WorkerLike<RequestMessage> {
  static started: FakeWorker[] = [];
  static glue = pathToFileURL(fakeGlue()).href;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  onmessageerror: ((event: MessageEvent) => void) | null = null;
  terminated = false;
  readonly script: string;
  readonly #channel = new MessageChannel();

  constructor(script: URL | string = "worker.js") {
    FakeWorker.started.push(this);
    this.script = String(script).replace(/.*\//, "");
    const { port1, port2 } = this.#channel;
    const instance = ++instances;
    const open = (): Promise<RawModule> => import(`${FakeWorker.glue}?${instance}`);
    const port = port2 as unknown as Port<never, unknown>;
    if (this.script === "thread.js") serveThread(port, open);
    else serve(port, open);
    port2.start();
    port1.onmessage = (event) => this.onmessage?.(event as unknown as MessageEvent);
  }

  postMessage(message: unknown, transfer: Transferable[]): void {
    this.#channel.port1.postMessage(message, transfer as never);
  }

  terminate(): void {
    this.terminated = true;
    this.#channel.port1.close();
  }
}

export interface Served {
  body: Uint8Array | string;
  type?: string;
  status?: number;
  headers?: Record<string, string>;
}

/** A server of these files, at an address that ends with a slash. */
export async function served(
  files: Record<string, Served>,
): Promise<{ base: string; server: Server }> {
  const server = createServer((request, response) => {
    const file = files[new URL(request.url ?? "", "http://here").pathname.slice(1)];
    const {
      body = "nothing here",
      type = "text/plain",
      status = 404,
      headers = {},
    } = file ? { status: 200, ...file } : {};
    response.writeHead(status, { "content-type": type, ...headers });
    if (Number(headers["content-length"] ?? body.length) > body.length) response.write(body);
    else response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

/** Sessions without a worker: how long a run takes and what goes wrong is given by engine. */
export interface Behaviour {
  refuses?: ErrorData;
  fails?: ErrorData;
  ms?: number;
  dims?: (number | string)[];
}

export class FakeSessions {
  readonly started: { recipe: Recipe; session: FakeSession }[] = [];
  readonly #behaviours: Partial<Record<Engine, Behaviour>>;

  constructor(behaviours: Partial<Record<Engine, Behaviour>> = {}) {
    this.#behaviours = behaviours;
  }

  start: Start = async (recipe) => {
    const behaviour = this.#behaviours[recipe.engine] ?? {};
    if (behaviour.refuses) throw errorFromData(behaviour.refuses);
    const session = new FakeSession(recipe, behaviour);
    this.started.push({ recipe, session });
    return session;
  };

  /** The engines whose workers are still there. */
  get open(): Engine[] {
    return this.started.filter(({ session }) => session.open).map(({ recipe }) => recipe.engine);
  }
}

export class FakeSession implements Session {
  readonly loaded: Session["loaded"];
  readonly timing = { fetchMs: 1, instantiateMs: 1, loadMs: 1 };
  readonly asked: Request[] = [];
  open = true;
  /** What is still to be answered. */
  readonly waiting: ((reason: unknown) => void)[] = [];
  readonly #behaviour: Behaviour;

  constructor(recipe: Recipe, behaviour: Behaviour) {
    this.#behaviour = behaviour;
    const { engine, threads, source } = recipe;
    const inputs: TensorSpec[] = [
      { name: "input", dtype: "f32", dims: behaviour.dims ?? [1, 3, 4, 4] },
    ];
    const info = { backend: engine, backendVersion: "1", inputs, outputs: inputs };
    this.loaded = {
      info: { model: source.name, threads, ...info },
      contract: undefined,
    };
  }

  /** Gives the inputs back; an input called `hang` is never answered. */
  ask<R extends Request>(request: R): Promise<AnswerTo<R>> {
    this.asked.push(request);
    return new Promise((resolve, reject) => {
      const inputs = request.call === "run" ? request.inputs : [];
      if (inputs.some(({ name }) => name === "hang")) {
        this.waiting.push(reject);
        return;
      }
      const { fails, ms = 0 } = this.#behaviour;
      const end = performance.now() + ms;
      while (performance.now() < end);
      if (fails) reject(errorFromData(fails));
      else resolve(inputs as AnswerTo<R>);
    });
  }

  end(reason: unknown): void {
    this.open = false;
    for (const reject of this.waiting) reject(reason);
  }
}

export function recipe(engine: Engine, threads = 1): Recipe {
  return {
    engine,
    threads,
    source: new Source(fakeModel(), "net.onnx"),
    options: {},
    locate: modulesAt("http://here/"),
  };
}
