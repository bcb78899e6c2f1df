import { expect } from "vitest";
import { InputError } from "../errors.js";

/** What `run` throws, checked to be an InputError of one printable line. */
export function inputError(run: () => unknown): InputError {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(InputError);
  if (!(thrown instanceof InputError)) throw new Error("no InputError");
  expect(thrown.message).toMatch(/^[^\p{Cc}\u2028\u2029]{1,2100}$/u);
  return thrown;
}

/** Its message. */
export function refusal(run: () => unknown): string {
  return inputError(run).message;
}
