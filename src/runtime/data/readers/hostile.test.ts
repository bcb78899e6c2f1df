import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../../graph/errors.js";
import { temporaryFolder } from "../../../graph/testing/files.js";
import { openSource } from "./index.js";
import { DATA } from "./testing/read-source.js";

const files = ["npy", "npz", "idx", "parquet"].flatMap((folder) =>
  readdirSync(DATA + folder).map((name) => ({
    name: name.replace(/^.*?\./, "x."),
    bytes: readFileSync(`${DATA}${folder}/${name}`),
  })),
);

/** One damage to a file: some bytes overwritten, near its end more often than elsewhere, or all from there on lost. */
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  fromEnd: fc.boolean(),
  with: fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 8 }) },
    { weight: 2, arbitrary: fc.constantFrom(new Uint8Array(8).fill(255), new Uint8Array(8)) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
});

test("damaged files are read or refused in one line", async () => {
  const folder = temporaryFolder();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      async ({ name, bytes }, damages) => {
        let changed = Buffer.from(bytes);
        for (const { at, fromEnd, with: content } of damages) {
          const span = Math.min(changed.length, fromEnd ? 300 : changed.length);
          const offset = Math.floor(at * span) + (fromEnd ? changed.length - span : 0);
          if (content === undefined) changed = changed.subarray(0, Math.max(1, offset));
          else changed.set(content.subarray(0, changed.length - offset), offset);
        }
        const path = join(folder, name);
        writeFileSync(path, changed);
        try {
          for await (const chunk of (await openSource(path)).chunks()) expect(chunk.rows).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as InputError).message).toMatch(/^[^\p{Cc}\u2028\u2029]{1,2100}$/u);
        }
      },
    ),
    { numRuns: 600, seed: 4 },
  );
});
