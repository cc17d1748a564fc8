/** A thread of the pool that computes for one model. */
import { importGlue } from "./import_glue.js";
import { type Port, serveThread } from "./serving.js";

serveThread(globalThis as unknown as Port<never, unknown>, importGlue);
