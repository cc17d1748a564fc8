/** What every entry exports. */
export { type ErrorData, type Kind, OxidizedVisionError } from "./errors.js";
export { type Support, supported } from "./supported.js";
export type {
  CallOptions,
  Candidate,
  Choice,
  ContractBlock,
  Detection,
  Dtype,
  Engine,
  GoldenReport,
  GoldenRow,
  LoadOptions,
  LoadTiming,
  Model,
  ModelInfo,
  ModelSource,
  Pixels,
  Predicted,
  Prediction,
  Progress,
  ScoredClass,
  Tensor,
  TensorData,
  TensorSpec,
  Timing,
} from "./types.js";
