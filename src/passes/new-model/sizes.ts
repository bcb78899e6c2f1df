import { InputError } from "../../graph/errors.js";

/** More layers than anyone trains; a longer list is a slip. */
const MOST_LAYERS = 1000;

/** @throws InputError for a size that is no positive integer, and for a list of too many */
export function requireSizes(where: string, sizes: readonly number[]): void {
  const wrong = sizes.find((size) => !(Number.isSafeInteger(size) && size > 0));
  if (wrong !== undefined) throw new InputError(where, `has the size ${wrong}`, "sizes are integers of at least 1");
  if (sizes.length > MOST_LAYERS)
    throw new InputError(where, `has ${sizes.length} sizes`, `give at most ${MOST_LAYERS}`);
}
