/** What every entry exports. */
export { type ErrorData, type Kind, OxidizedVisionError } from "./errors.js";
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
  GoldenRow,
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
