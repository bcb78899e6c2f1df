/** What training does to layers that behave differently in training. */
export interface TrainingMode {
  /** Batch normalization keeps the statistics that the file has. By default it takes those of the batch. */
  readonly freezeBatchNorm?: boolean;
  /** Dropout drops nothing in training either. */
  readonly noDropout?: boolean;
}
