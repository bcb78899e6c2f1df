import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { readModel } from "./read-model.js";
import { rawBytes } from "./tensor.js";
import { temporaryFolder } from "./testing/files.js";
import { refusal } from "./testing/input-error.js";
import { modelBytes, only } from "./testing/models.js";
import { bytes, floats, int } from "./testing/protobuf.js";

let folder: string;
beforeEach(() => {
  folder = join(temporaryFolder(), "model");
  mkdirSync(folder);
  writeFileSync(join(folder, "w.bin"), floats(0, 1, 2, 3));
  writeFileSync(join(folder, "..", "secret.bin"), floats(6, 6));
});

/** A model file whose tensor [2] is in external data with these entries. */
function write(entries: Readonly<Record<string, string>>, dataType = 1): string {
  const path = join(folder, "m.onnx");
  const external = Object.entries(entries).map(([key, value]) => bytes(13, bytes(1, key), bytes(2, value)));
  writeFileSync(path, modelBytes(bytes(5, int(1, 2), int(2, dataType), bytes(8, "w"), ...external, int(14, 1))));
  return path;
}

const values = (path: string) => new Uint8Array(rawBytes(only(readModel(path).graph.initializers)));

describe("external data is read", () => {
  it.each<[string, Readonly<Record<string, string>>, readonly [number, number]]>([
    ["at its offset", { location: "w.bin", offset: "4", length: "8" }, [1, 2]],
    ["from the beginning", { location: "w.bin", length: "8" }, [0, 1]],
    ["as long as the shape says", { location: "w.bin", offset: "8" }, [2, 3]],
    ["with entries that we do not know", { location: "./w.bin", checksum: "x" }, [0, 1]],
    ["by a path that leaves a subfolder again", { location: "sub/../w.bin" }, [0, 1]],
  ])("%s", (_, entries, expected) => {
    expect(values(write(entries))).toEqual(floats(...expected));
  });

  it("from a subfolder, and through a symbolic link that stays inside", () => {
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "sub", "v.bin"), floats(7, 8));
    symlinkSync(join("sub", "v.bin"), join(folder, "link.bin"));
    expect(values(write({ location: "sub/v.bin" }))).toEqual(floats(7, 8));
    expect(values(write({ location: "link.bin" }))).toEqual(floats(7, 8));
    expect(readModel(write({ location: "link.bin" })).externalFiles).toEqual(["link.bin"]);
  });

  it("to where it ends, for an element type newer than ours", () => {
    const tensor = only(readModel(write({ location: "w.bin", offset: "4" }, 99)).graph.initializers);
    expect([tensor.dataType, rawBytes(tensor).length]).toEqual(["undefined", 12]);
  });
});

describe("external data is refused", () => {
  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ["missing", { location: "no.bin" }, /external data "no\.bin" cannot be read: no such file/],
    [
      "too short",
      { location: "w.bin", offset: "12" },
      /needs w\.bin up to byte 20, the file has 16; get the whole file/,
    ],
    ["of another length", { location: "w.bin", length: "4" }, /is 8 bytes by its shape and type, its external data 4/],
    ["beyond its end", { location: "w.bin", offset: "9007199254740991" }, /the file has 16/],
    ["at a negative offset", { location: "w.bin", offset: "-4" }, /offset "-4", which is not a byte count/],
    ["at an offset beyond 2^53", { location: "w.bin", offset: "9".repeat(30) }, /not a byte count/],
    ["at an offset that is no number", { location: "w.bin", offset: "0x4" }, /not a byte count/],
    ["of a negative length", { location: "w.bin", length: "-1" }, /length "-1", which is not a byte count/],
    ["without a file", { offset: "0" }, /says external, but names no file/],
    ["with an empty name", { location: "" }, /says external, but names no file/],
    ["in a folder", { location: "." }, /external data "\." is not a file/],
    ["by an absolute path", { location: "/etc/hostname" }, /"\/etc\/hostname" lies outside the model's folder/],
    ["above the folder", { location: "../secret.bin" }, /lies outside the model's folder, which is refused/],
    ["above the folder by a detour", { location: "a/../../secret.bin" }, /lies outside the model's folder/],
    ["with a NUL in its name", { location: "w.bin\u0000" }, /cannot be read/],
  ])("%s", (_, entries, message) => {
    const path = write(entries);
    const said = refusal(() => readModel(path));
    expect(said).toMatch(message);
    expect(said.startsWith(`${path}: initializer "w"`)).toBe(true);
  });

  it("behind a symbolic link that leaves the folder, of the file or of a folder on the way", () => {
    symlinkSync(join("..", "secret.bin"), join(folder, "link.bin"));
    symlinkSync("..", join(folder, "up"));
    expect(refusal(() => readModel(write({ location: "link.bin" })))).toMatch(/is a symbolic link that lies outside/);
    expect(refusal(() => readModel(write({ location: "up/secret.bin" })))).toMatch(
      /is a symbolic link that lies outside/,
    );
  });

  it("of a model that came as bytes and so has no folder", () => {
    const content = modelBytes(
      bytes(5, int(1, 2), int(2, 1), bytes(13, bytes(1, "location"), bytes(2, "w.bin")), int(14, 1)),
    );
    expect(refusal(() => readModel(content))).toMatch(/external file "w\.bin"; read the model by its path/);
  });
});
