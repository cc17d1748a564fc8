/** The worker of one model. */
import { importGlue } from "./import_glue.js";
import { type Port, serve } from "./serving.js";

serve(globalThis as unknown as Port<never, unknown>, importGlue);
