import { createRequire } from "node:module";

/** protobufjs' own decoder for ONNX 1.10: an opinion on files that is independent of ours. */
export const { onnx } = createRequire(import.meta.url)("onnx-proto") as typeof import("onnx-proto");
