/**
 * Every WebAssembly.Memory of this worker, whoever makes it: imported before any engine, this
 * replaces the ways in which one comes to be.
 */
const memories = new Set();
const { Memory, Instance, instantiate, instantiateStreaming } = WebAssembly;

function noteExports({ exports }) {
  for (const value of Object.values(exports)) if (value instanceof Memory) memories.add(value);
}

WebAssembly.Memory = new Proxy(Memory, {
  construct(target, parameters) {
    const made = Reflect.construct(target, parameters);
    memories.add(made);
    return made;
  },
});
WebAssembly.Instance = new Proxy(Instance, {
  construct(target, parameters) {
    const made = Reflect.construct(target, parameters);
    noteExports(made);
    return made;
  },
});
WebAssembly.instantiate = async (source, imports) => {
  const made = await instantiate(source, imports);
  noteExports(made instanceof Instance ? made : made.instance);
  return made;
};
WebAssembly.instantiateStreaming = async (source, imports) => {
  const made = await instantiateStreaming(source, imports);
  noteExports(made.instance);
  return made;
};

export function memoryBytes() {
  let bytes = 0;
  for (const memory of memories) bytes += memory.buffer.byteLength;
  return bytes;
}
