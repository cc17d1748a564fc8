/** Loads a model in one engine, and times it when it is asked to. */

import { fetched } from "./fetched.js";
import { memoryBytes } from "./memories.js";

let adapter;
let run;
let data;
let answer;
let runs = 0;

async function once() {
  const outputs = await run(data);
  runs += 1;
  return outputs;
}

const CALLS = {
  /** Everything that is no part of what is timed. */
  async prepare({ script, input, reference }) {
    adapter = await import(script);
    data = new Float32Array(await fetched(input));
    answer = new Float32Array(await fetched(reference));
    return null;
  },

  /** Milliseconds from the first request for a byte to the model, and to its first answer. */
  async load(request) {
    const started = performance.now();
    run = await adapter.load(request);
    const loadedMs = performance.now() - started;
    const outputs = await once();
    const firstMs = performance.now() - started;
    return { loadedMs, firstMs, error: relativeError(outputs) };
  },

  /** Runs one after the other for so long, at least one; the first `warm` do not count. */
  async window({ ms, warm }) {
    for (let at = 0; at < warm; at += 1) await once();
    const times = [];
    const started = performance.now();
    let now = started;
    while (times.length === 0 || now - started < ms) {
      await once();
      const ended = performance.now();
      times.push(ended - now);
      now = ended;
    }
    return times;
  },

  /** What the memories hold when the model has run so often. */
  async memory({ after }) {
    while (runs < after) await once();
    return memoryBytes();
  },
};

/** The largest difference from PyTorch's answer, relative to its largest value. */
function relativeError([output, ...others]) {
  if (others.length > 0 || output.length !== answer.length)
    throw new Error(`${output.length} values came, wanted ${answer.length}`);
  let most = 0;
  let largest = 0;
  for (let at = 0; at < answer.length; at += 1) {
    const off = Math.abs(output[at] - answer[at]);
    if (Number.isNaN(off)) return Number.POSITIVE_INFINITY;
    most = Math.max(most, off);
    largest = Math.max(largest, Math.abs(answer[at]));
  }
  return most / largest;
}

globalThis.onmessage = async ({ data: request }) => {
  try {
    globalThis.postMessage({ answer: await CALLS[request.call](request) });
  } catch (thrown) {
    globalThis.postMessage({ error: String(thrown?.stack ?? thrown) });
  }
};
