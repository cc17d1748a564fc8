/** A module of @oxidizedvision/runtime, started as its worker starts it. */
import { fetched } from "./fetched.js";

/** Resolves to the function that runs the model on the values of its only input. */
export async function load({ folder, model, input, threads }) {
  const [glue, module, bytes] = await Promise.all([
    import(`${folder}/oxidizedvision.js`),
    WebAssembly.compileStreaming(fetch(`${folder}/oxidizedvision_bg.wasm`)),
    fetched(model),
  ]);
  const { memory } = glue.initSync({ module });
  if (threads > 1) {
    const what = { glue: `${folder}/oxidizedvision.js`, module, memory };
    await Promise.all(Array.from({ length: threads }, () => startThread(what)));
    glue.buildThreadPool(threads);
  }
  // The runtime tells the digest of every model: the browser computes it beside the load.
  const digest = crypto.subtle.digest("SHA-256", bytes);
  const options = { threads, inputShapes: { [input.name]: input.shape }, hash: false };
  const loaded = glue.Model.load(new Uint8Array(bytes), options);
  await digest;
  return async (data) => {
    const tensors = loaded.run([{ name: input.name, dtype: "f32", shape: input.shape, data }]);
    return tensors.map((tensor) => tensor.data);
  };
}

function startThread(what) {
  return new Promise((resolve, reject) => {
    const thread = new Worker("/thread.js", { type: "module" });
    thread.onmessage = resolve;
    thread.onerror = ({ message }) => reject(new Error(`a thread could not start: ${message}`));
    thread.postMessage(what);
  });
}
