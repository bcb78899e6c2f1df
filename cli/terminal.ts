import pc from "picocolors";
import { oneLine } from "../src/index.js";

/** Options that every command has. */
export interface CommonOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Messages as JSON, one object a line. */
  readonly json: boolean;
}

export type MessageKind = "note" | "warning" | "error";

/** Where a command's output goes, and how. */
export interface Terminal {
  /** Columns to fit into; undefined where lines may be as long as they are. */
  readonly columns: number | undefined;
  readonly colors: ReturnType<typeof pc.createColors>;
  /** The result of the command. */
  out(text: string): void;
  /** Something to tell the person: one line. */
  message(kind: MessageKind, text: string): void;
  /** A line of progress that stays; not with --quiet. */
  line(text: string): void;
  /** A line of progress that the next one takes the place of; only on a terminal. Empty to take it away. */
  progress(text: string): void;
  /** A line of JSON for other programs. */
  json(line: string): void;
  /** How lines of progress are to look. */
  readonly progressStyle: { readonly columns?: number; readonly colors: boolean };
}

/** Results on standard output, messages on standard error; colours only on a terminal, and not under NO_COLOR. */
export function processTerminal({ quiet, json }: Pick<CommonOptions, "quiet" | "json">): Terminal {
  const { stdout, stderr } = process;
  const messageColors = pc.createColors(hasColors(stderr));
  const showsProgress = stderr.isTTY && !quiet && !json;
  let shown = "";
  /** Takes away the line of progress while another one is written. */
  const write = (text: string) => {
    stderr.write(shown === "" ? text : `\r\u001b[2K${text}${shown}`);
  };
  return {
    columns: stdout.isTTY ? stdout.columns : undefined,
    colors: pc.createColors(hasColors(stdout)),
    out: (text) => void stdout.write(text),
    message(kind, text) {
      if (quiet && kind === "note") return;
      const paint = { note: messageColors.dim, warning: messageColors.yellow, error: messageColors.red }[kind];
      const line = oneLine(kind === "note" ? text : `${kind}: ${text}`);
      write(json ? `${JSON.stringify({ event: kind, message: text })}\n` : `${paint(line)}\n`);
    },
    line(text) {
      if (!quiet) write(`${text}\n`);
    },
    progress(text) {
      if (!showsProgress || text === shown) return;
      stderr.write(`\r\u001b[2K${text}`);
      shown = text;
    },
    json: (line) => void stderr.write(`${line}\n`),
    progressStyle: { colors: hasColors(stderr), ...(stderr.isTTY ? { columns: stderr.columns } : {}) },
  };
}

function hasColors(stream: NodeJS.WriteStream): boolean {
  // isTTY is missing, and not false, where it is not true; picocolors would then decide by itself.
  if (!stream.isTTY) return false;
  return (process.env["NO_COLOR"] ?? "") === "";
}
