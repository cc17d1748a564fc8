/** Vision models in the browser, each in a Web Worker of its own. */
export { type ErrorData, type Kind, OxidizedVisionError } from "./errors.js";
export { load } from "./load.js";
export { type Support, supported } from "./supported.js";
export type {
  CallOptions,
  Candidate,
  Choice,
  ClassScore,
  ContractBlock,
  Detection,
  Dtype,
  Engine,
  GoldenCheck,
  LoadOptions,
  LoadTiming,
  Model,
  ModelInfo,
  ModelSource,
  PictureResult,
  Pixels,
  Prediction,
  Progress,
  Tensor,
  TensorData,
  TensorSpec,
  Timing,
} from "./types.js";
