#!/usr/bin/env node
import { run } from "./run.js";

// `caadam-onnx annotate ... | head` closes the pipe early, which is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (stream === process.stdout) process.exit(0);
  });
}

process.exitCode = await run(process.argv.slice(2));
