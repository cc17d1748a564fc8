/** A module of @oxidizedvision/runtime, started as its worker starts it. */

/** Resolves to the function that runs the model on the values of its only input. */
export async function load({ folder, model, input, threads }) {
  const parts = [];
  let glue;
  let file;
  // The model's parts go into the module's memory as they come, once there is one.
  const fill = (total) => {
    if (glue === undefined) return;
    file ??= new glue.ModelFile(total);
    for (const part of parts.splice(0)) file.push(part);
  };
  const coming = eachPart(model, (part, total) => {
    parts.push(part);
    fill(total);
  });
  const [imported, module] = await Promise.all([
    import(`${folder}/oxidizedvision.js`),
    WebAssembly.compileStreaming(fetch(`${folder}/oxidizedvision_bg.wasm`)),
  ]);
  const { memory } = imported.initSync({ module });
  glue = imported;
  if (threads > 1) {
    const what = { glue: `${folder}/oxidizedvision.js`, module, memory };
    await Promise.all(Array.from({ length: threads - 1 }, () => startThread(what)));
    glue.buildThreadPool(threads);
  }
  fill(await coming);
  const options = { threads, inputShapes: { [input.name]: input.shape } };
  const loaded = glue.Model.fromFile(file, options);
  return async (data) => {
    const tensors = loaded.run([{ name: input.name, dtype: "f32", shape: input.shape, data }]);
    return tensors.map((tensor) => tensor.data);
  };
}

/** Gives `take` what is at an address, part by part; resolves to the length of all. */
async function eachPart(address, take) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  const total = Number(response.headers.get("content-length"));
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return total;
    take(value, total);
  }
}

function startThread(what) {
  return new Promise((resolve, reject) => {
    const thread = new Worker("/thread.js", { type: "module" });
    thread.onmessage = resolve;
    thread.onerror = ({ message }) => reject(new Error(`a thread could not start: ${message}`));
    thread.postMessage(what);
  });
}
