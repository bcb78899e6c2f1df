import type { ExportFormat } from "./export-format.js";
import { keras } from "./keras.js";
import { mmengine } from "./mmengine.js";
import { optax } from "./optax.js";
import { pytorch } from "./pytorch.js";
import { transformers } from "./transformers.js";

export type { ExportFormat } from "./export-format.js";

/** Every export format by the name that `annotate --format` takes. */
export const exportFormats = { pytorch, keras, optax, transformers, mmengine } as const satisfies Record<
  string,
  ExportFormat
>;

export type ExportFormatName = keyof typeof exportFormats;
