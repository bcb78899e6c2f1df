import { InputError } from "../graph/errors.js";

/** @throws InputError for what is no whole number from `least` to `most` */
export function requireWhole(option: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new InputError(`${option} ${value}`, `is out of range: it takes a whole number ${range}`);
}
