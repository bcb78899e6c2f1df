/** Something that happened in training, for callbacks, logs and reports. */
export type TrainingEvent =
  | WarningEvent
  | StartEvent
  | ProgressEvent
  | EpochEvent
  | GradientNormsEvent
  | CheckpointEvent
  | LearningRateEvent
  | EndEvent;

/** Something that the person should know: one line. */
export interface WarningEvent {
  readonly event: "warning";
  readonly message: string;
}

/** Training begins, or goes on from a checkpoint. */
export interface StartEvent {
  readonly event: "start";
  /** Examples of the training split and of the validation split; null for streams. */
  readonly examples: number | null;
  readonly validationExamples: number;
  readonly epochs: number;
  /** null for streams. */
  readonly stepsPerEpoch: number | null;
  /** Parameters, counted by their elements. */
  readonly elements: number;
  /** What a resumed run has behind it; 0 for a new one. */
  readonly step: number;
  readonly epoch: number;
}

/** Within an epoch, a few times a second. */
export interface ProgressEvent {
  readonly event: "progress";
  /** From 1. */
  readonly epoch: number;
  /** Updates of the parameters since training began. */
  readonly step: number;
  /** Batches of this epoch that are done. */
  readonly batch: number;
  /** The mean loss over the epoch so far. */
  readonly loss: number;
  readonly learningRate: number;
  readonly examplesPerSecond: number;
  /** Until the last epoch; null where the length of an epoch is not known. */
  readonly secondsLeft: number | null;
}

/** An epoch is done. */
export interface EpochEvent {
  readonly event: "epoch";
  /** From 1. */
  readonly epoch: number;
  readonly step: number;
  /** The mean over the epoch's examples, each by the parameters of its step. */
  readonly loss: number;
  readonly validationLoss?: number;
  /** Of the validation split, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Of the last step. */
  readonly learningRate: number;
  /** Of this epoch, validation included. */
  readonly seconds: number;
  /** Whether this is the best epoch so far. */
  readonly isBest: boolean;
}

/** The Euclidean norm of each parameter's gradient in the last step of an epoch, and of the parameter itself. */
export interface GradientNormsEvent {
  readonly event: "gradient-norms";
  readonly epoch: number;
  readonly step: number;
  readonly norms: Readonly<Record<string, { readonly gradient: number; readonly parameter: number }>>;
}

/** All state was written. */
export interface CheckpointEvent {
  readonly event: "checkpoint";
  readonly file: string;
  readonly epoch: number;
  readonly step: number;
}

/** A schedule that watches the loss has lowered the learning rate. */
export interface LearningRateEvent {
  readonly event: "learning-rate";
  readonly epoch: number;
  readonly step: number;
  readonly learningRate: number;
}

/** Why training ended. */
export type EndReason = "epochs" | "early-stopping" | "aborted";

/** Training ended. */
export interface EndEvent {
  readonly event: "end";
  readonly reason: EndReason;
  readonly epoch: number;
  readonly step: number;
  /** Of all epochs of this process. */
  readonly seconds: number;
  /** The epoch whose weights the result has, where the best were restored. */
  readonly restoredEpoch?: number;
}
