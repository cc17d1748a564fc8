/** onnxruntime-web by its smallest entry, which knows only WebAssembly. */
import { fetched } from "./fetched.js";

/** Resolves to the function that runs the model on the values of its only input. */
export async function load({ folder, model, input, axes, threads }) {
  const coming = fetched(model);
  const ort = await import(`${folder}/ort.wasm.bundle.min.mjs`);
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = { wasm: `${folder}/ort-wasm-simd-threaded.wasm` };
  const session = await ort.InferenceSession.create(new Uint8Array(await coming), {
    executionProviders: ["wasm"],
    freeDimensionOverrides: axes,
  });
  return async (data) => {
    const feeds = { [input.name]: new ort.Tensor("float32", data, input.shape) };
    const outputs = await session.run(feeds);
    return session.outputNames.map((name) => outputs[name].data);
  };
}
