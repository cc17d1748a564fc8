/** One engine in a worker of its own, asked by the program that drives the browser. */
const worker = new Worker("/worker.js", { type: "module" });
let stop = () => {};
const broken = new Promise((_, reject) => {
  stop = reject;
});
broken.catch(() => {});
worker.onerror = ({ message, filename, lineno }) =>
  stop(new Error(`${message || "the worker could not start"} (${filename}:${lineno})`));

/** Resolves to the worker's answer, and rejects where it fails or takes longer than `patienceMs`. */
globalThis.ask = (request, patienceMs) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no answer to ${request.call} within ${patienceMs / 1000} s`)),
      patienceMs,
    );
    broken.catch(reject);
    worker.onmessage = ({ data }) => {
      clearTimeout(timer);
      if ("error" in data) reject(new Error(data.error));
      else resolve(data.answer);
    };
    worker.postMessage(request);
  });
