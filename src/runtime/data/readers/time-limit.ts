import { createContext, Script } from "node:vm";

const NOTHING = (): void => {};
/** One for all calls: making one takes longer than most pages, and memory that is hard to have back. */
const CONTEXT: { run: () => void } = { run: NOTHING };
createContext(CONTEXT);
const TIMEOUT = "ERR_SCRIPT_EXECUTION_TIMEOUT";
const SCRIPT = new Script("run()");

/** What has been stopped because it took too long. */
export class TimeLimitError extends Error {}

/**
 * What `run` gives, unless it takes longer: for code that damaged data may send round for ever. Costs a tenth of a
 * millisecond; `run` is code of this world as ever, only called from another, whose calls can be stopped.
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
    if (isTimeout) throw new TimeLimitError("it takes too long to unpack");
    throw error;
  } finally {
    // What it gave and worked on would be kept until the next call.
    CONTEXT.run = NOTHING;
  }
  if (result === undefined) throw new Error("what ran came to no end");
  return result;
}
