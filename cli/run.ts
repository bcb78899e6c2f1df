import yargs from "yargs";
import { InputError, oneLine } from "../src/index.js";
import { annotateCommand } from "./annotate.js";
import { compareCommand } from "./compare.js";
import { evaluateCommand } from "./evaluate.js";
import { initCommand } from "./init.js";
import { Interrupted } from "./interrupt.js";
import { newCommand } from "./new.js";
import { rewriteCommand } from "./rewrite.js";
import { type CommonOptions, processTerminal } from "./terminal.js";
import { trainCommand } from "./train.js";

declare module "yargs" {
  interface Argv<T> {
    /** What options were declared as; the types of yargs leave it out. */
    getOptions(): { readonly array: readonly string[] };
  }
}

/** What the shell learns: done, our fault, the user's input, interrupted. */
export type ExitCode = 0 | 1 | 2 | 130;

/** Runs the command line `args` (without node and script) and reports errors; nothing is thrown. */
export async function run(args: readonly string[]): Promise<ExitCode> {
  const program = yargs([...args])
    .scriptName("caadam-onnx")
    .usage(
      "$0 <command>\n\nConnection-aware training of ONNX models (CaAdam): learning-rate scales and training graphs.",
    )
    .options({
      quiet: { type: "boolean", default: false, describe: "No notes on standard error", group: "Common options:" },
      verbose: { type: "boolean", default: false, describe: "Stack traces of errors", group: "Common options:" },
      json: { type: "boolean", default: false, describe: "Messages as JSON, one a line", group: "Common options:" },
    })
    .command(annotateCommand)
    .command(rewriteCommand)
    .command(trainCommand)
    .command(evaluateCommand)
    .command(compareCommand)
    .command(initCommand)
    .command(newCommand)
    .demandCommand(1, "no command was given")
    .recommendCommands()
    .strict()
    .parserConfiguration({ "boolean-negation": false })
    .wrap(Math.min(process.stdout.columns ?? 100, 110))
    .exitProcess(false)
    .fail((message, error) => {
      if (error !== undefined && error.name !== "YError") throw error;
      throw new InputError(
        "arguments",
        (error?.message ?? message).replaceAll(/\s*\n\s*/g, " "),
        "see caadam-onnx --help",
      );
    });
  // Before numbers are read, which are one text each. yargs gives options a second time as "lossWeight".
  program.middleware((options) => {
    const repeatable = new Set(["_", ...program.getOptions().array]);
    const lists = Object.entries(options).filter(([name, value]) => Array.isArray(value) && !/[A-Z]/.test(name));
    const twice = lists.find(([name]) => !repeatable.has(name));
    if (twice !== undefined) throw new InputError(`--${twice[0]}`, "is given more than once");
  }, true);
  try {
    await program.parseAsync();
    return 0;
  } catch (error) {
    return report(error, commonOptions(args));
  }
}

function report(error: unknown, options: CommonOptions): ExitCode {
  const terminal = processTerminal(options);
  const stack = options.verbose && error instanceof Error ? error.stack : undefined;
  if (stack !== undefined) process.stderr.write(`${stack}\n`);
  if (error instanceof Interrupted) {
    terminal.message("warning", error.message);
    return 130;
  }
  if (error instanceof InputError) {
    terminal.message("error", error.message);
    return 2;
  }
  const what = oneLine(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  terminal.message(
    "error",
    `${what}. This is a bug: please report it with the command, and what --verbose adds to it.`,
  );
  return 1;
}

/** An error may come before the arguments are parsed. */
function commonOptions(args: readonly string[]): CommonOptions {
  return { quiet: args.includes("--quiet"), verbose: args.includes("--verbose"), json: args.includes("--json") };
}
