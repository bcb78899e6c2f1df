import type { ScaleTable } from "../passes/scaling/scale-table.js";
import type { EndReason, EpochEvent } from "./events.js";
import type { Values } from "./training-state.js";

/** What training has come to. */
export interface TrainingResult {
  readonly reason: EndReason;
  /** The last epoch that is complete; 0 where none is. */
  readonly epoch: number;
  /** Updates. */
  readonly step: number;
  /** All epochs, those before a resumed checkpoint included. */
  readonly history: readonly EpochEvent[];
  /** The epoch that the values are of, where the best were restored. */
  readonly restoredEpoch?: number;
  /** What parameters and running statistics have become, by their names in the model; averages where there are any. */
  readonly values: Values;
  /** The scales that it was trained with. */
  readonly table: ScaleTable;
}
