import { createContext, Script } from "node:vm";

const CONTEXT: { run: () => void } = { run: () => {} };
createContext(CONTEXT);
const TIMEOUT = "ERR_SCRIPT_EXECUTION_TIMEOUT";
const SCRIPT = new Script("run()");

/** What has been stopped because it took too long. */
export class TimeLimitError extends Error {}

/**
 * What `run` gives, unless it takes longer: for code that damaged data may send round for ever.
 * @throws TimeLimitError
 */
export function withinTime<T extends object>(milliseconds: number, run: () => T): T {
  let result: T | undefined;
  CONTEXT.run = () => {
    result = run();
  };
  try {
    SCRIPT.runInContext(CONTEXT, { timeout: milliseconds });
  } catch (error) {
    // It comes from the script's own world, whose Error is another.
    const isTimeout = typeof error === "object" && error !== null && "code" in error && error.code === TIMEOUT;
    if (isTimeout) throw new TimeLimitError("it takes too long");
    throw error;
  }
  if (result === undefined) throw new TimeLimitError("it came to no end");
  return result;
}
