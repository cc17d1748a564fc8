/** A thread of the pool of rten-threads. */
globalThis.onmessage = async ({ data: { glue, module, memory } }) => {
  const imported = await import(glue);
  imported.initSync({ module, memory });
  globalThis.postMessage("ready");
  imported.startThread();
};
