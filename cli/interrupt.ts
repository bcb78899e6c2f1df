/** The person has ended the command; what there was to save is saved. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  /** @param what is left, in words */
  constructor(what: string) {
    super(`interrupted ${what}`);
  }
}

const signals = ["SIGINT", "SIGTERM"] as const;

/**
 * Runs something that ends itself, with all saved, when the person presses Ctrl-C or the system asks it to; the second
 * time it ends at once.
 */
export async function interruptible<Result>(run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await run(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}
