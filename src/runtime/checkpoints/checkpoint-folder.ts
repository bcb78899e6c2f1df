import { accessSync, constants, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { InputError, isSystemError, systemReason } from "../../graph/errors.js";
import { alsoNamed, removeLeftovers, writeFile } from "../../graph/write-file.js";
import { type CheckpointContent, openSafetensors, type SafetensorsFile, safetensorsBytes } from "./safetensors.js";

/** How a folder of checkpoints is kept. */
export interface CheckpointFolderOptions {
  /** How many of the latest checkpoints stay, the best not counted; 3 by default. */
  readonly keep?: number;
}

/** A checkpoint that was found. */
export interface FoundCheckpoint {
  readonly path: string;
  readonly step: number;
  /** Its tensors are read when they are asked for: before others are saved, as these may push it out. */
  readonly file: SafetensorsFile;
}

/** The checkpoints of one run of training: `step-00001234.safetensors` for the latest steps, and `best.safetensors`. */
export interface CheckpointFolder {
  readonly path: string;
  /** The steps of which there are checkpoints, ascending; nothing is said of whether these are whole. */
  steps(): readonly number[];
  /**
   * Writes the checkpoint of a step, then removes the oldest of the steps before it that are too many. The best is
   * written first: who goes on from an earlier step comes to it again.
   * @returns the path of the file
   * @throws InputError when it cannot be written; all checkpoints that were there are then as they were
   */
  save(step: number, content: CheckpointContent, isBest?: boolean): string;
  /** The latest checkpoint that is whole, and a line for each later one that is not. */
  newest(): { readonly checkpoint: FoundCheckpoint | undefined; readonly warnings: readonly string[] };
  /** The best, undefined where there is none. @throws InputError for one that is not whole */
  best(): SafetensorsFile | undefined;
}

const BEST = "best.safetensors";
const STEP = /^step-(\d{8,15})\.safetensors$/;
const DEFAULT_KEEP = 3;

/**
 * Opens a folder of checkpoints; makes it where it is missing, and removes the temporary files of killed writers.
 * @throws InputError when it cannot be made, is no folder, or may not be written to
 */
export function checkpointFolder(
  path: string,
  { keep = DEFAULT_KEEP }: CheckpointFolderOptions = {},
): CheckpointFolder {
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new InputError(path, `cannot keep ${keep} checkpoints`, "keep one at least");
  }
  prepare(path);
  const steps = () => stepsIn(path);
  const save = (step: number, content: CheckpointContent, isBest = false) => {
    const file = join(path, fileOf(step));
    if (isBest) {
      writeFile(join(path, BEST), safetensorsBytes(content));
      alsoNamed(join(path, BEST), file);
    } else {
      writeFile(file, safetensorsBytes(content));
    }
    // Later steps are of a run that this one goes back behind.
    const earlier = steps().filter((each) => each <= step);
    for (const old of earlier.slice(0, -keep)) remove(join(path, fileOf(old)));
    return file;
  };
  return { path, steps, save, newest: () => newestIn(path), best: () => bestIn(path) };
}

function fileOf(step: number): string {
  return `step-${String(step).padStart(8, "0")}.safetensors`;
}

function prepare(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const reason = error.code === "EEXIST" ? "it is a file, not a folder" : systemReason(error);
    throw new InputError(path, `cannot hold checkpoints: ${reason}`);
  }
  removeLeftovers(path, (hint) => hint === BEST || STEP.test(hint));
}

function stepsIn(path: string): readonly number[] {
  try {
    const steps = readdirSync(path).flatMap((name) => {
      const digits = STEP.exec(name)?.[1];
      // A name that we would not give is not ours.
      return digits !== undefined && name === fileOf(Number(digits)) ? [Number(digits)] : [];
    });
    return steps.toSorted((a, b) => a - b);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new InputError(path, `cannot be read: ${systemReason(error)}`);
  }
}

function newestIn(path: string): ReturnType<CheckpointFolder["newest"]> {
  const warnings: string[] = [];
  for (const step of stepsIn(path).toReversed()) {
    const file = join(path, fileOf(step));
    try {
      return { checkpoint: { path: file, step, file: openSafetensors(file) }, warnings };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      warnings.push(`${error.message}; this checkpoint is skipped`);
    }
  }
  return { checkpoint: undefined, warnings };
}

function bestIn(path: string): SafetensorsFile | undefined {
  const file = join(path, BEST);
  return statSync(file, { throwIfNoEntry: false }) === undefined ? undefined : openSafetensors(file);
}

/** One that cannot be removed does no harm. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}
