import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import fc from "fast-check";
import { InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-node";
import { beforeEach, describe, expect, it } from "vitest";
import { readModel } from "../../graph/read-model.js";
import { readFloats } from "../../graph/tensor.js";
import { temporaryFolder } from "../../graph/testing/files.js";
import { refusal } from "../../graph/testing/input-error.js";
import {
  fixture,
  fixtureModels,
  model as madeModel,
  graph as madeGraph,
  modelBytes,
} from "../../graph/testing/models.js";
import { onnx } from "../../graph/testing/oracle.js";
import {
  bytes,
  concat,
  double,
  doubles,
  float,
  floats,
  group,
  int,
  tag,
  varint,
  varints,
} from "../../graph/testing/protobuf.js";
import { requireWritable, type TrainedValues, writeTrainedModel } from "./write-trained-model.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder, "trained.onnx");
});

const float32 = (...values: readonly number[]): TrainedValues => ({
  data: Float32Array.from(values),
  dims: [values.length],
});

/** The bytes that a model has when some of its tensors get new values. */
function rewritten(
  model: Uint8Array,
  values: Readonly<Record<string, TrainedValues>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  writeTrainedModel(readModel(model), new Map(Object.entries(values)), path, metadata && { metadata });
  return new Uint8Array(readFileSync(path));
}

/** A half-precision number by its bits; those that are used here are exact. */
const half = (value: number) => ({ 1: 0x3c00, 2: 0x4000, 0.5: 0x3800, 0: 0, [-2]: 0xc000, 100: 0x5640 })[value] ?? 0;
const bfloat = (value: number) => (new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0) >>> 16;
const shorts = (numbers: readonly number[]) => new Uint8Array(Uint16Array.from(numbers).buffer);
const tensor = (name: string, type: number, count: number, ...fields: readonly Uint8Array[]) =>
  concat(int(1, count), int(2, type), bytes(8, name), ...fields, bytes(900, "newer"));

/** The ways in which files hold three numbers. */
const forms: Readonly<Record<string, (name: string, values: readonly number[]) => Uint8Array>> = {
  "raw float32": (name, values) => tensor(name, 1, 3, bytes(9, floats(...values))),
  "raw float64": (name, values) => tensor(name, 11, 3, bytes(9, doubles(...values))),
  "raw float16": (name, values) => tensor(name, 10, 3, bytes(9, shorts(values.map(half)))),
  "raw bfloat16": (name, values) => tensor(name, 16, 3, bytes(9, shorts(values.map(bfloat)))),
  "raw before its shape": (name, values) => concat(bytes(9, floats(...values)), tensor(name, 1, 3)),
  "float_data, packed": (name, values) => tensor(name, 1, 3, bytes(4, floats(...values))),
  "float_data, one by one": (name, values) => tensor(name, 1, 3, ...values.map((value) => float(4, value))),
  "float_data, mixed": (name, [a = 0, b = 0, c = 0]) =>
    tensor(name, 1, 3, float(4, a), bytes(4, floats(b)), bytes(12, "doc"), bytes(4), float(4, c)),
  "float_data, apart": (name, [a = 0, b = 0, c = 0]) =>
    tensor(name, 1, 3, float(4, a), bytes(12, "doc"), float(4, b), group(901, int(4, 1)), float(4, c)),
  double_data: (name, [a = 0, b = 0, c = 0]) => tensor(name, 11, 3, bytes(10, doubles(a, b)), double(10, c)),
  "int32_data of float16": (name, values) => tensor(name, 10, 3, bytes(5, varints(...values.map(half)))),
  "int32_data of bfloat16": (name, values) => tensor(name, 16, 3, ...values.map((value) => int(5, bfloat(value)))),
  "int32_data, mixed": (name, [a = 0, b = 0, c = 0]) =>
    tensor(name, 10, 3, int(5, half(a)), bytes(5, varints(half(b))), bytes(5), int(5, half(c))),
};

const formOf = (form: string) => forms[form] ?? expect.fail();

/** The places in which a file has a tensor: what the tensor is called there, and the model around it. */
const places: Readonly<Record<string, { name: string; around: (tensor: Uint8Array) => Uint8Array }>> = {
  "an initializer": { name: "w", around: (w) => modelBytes(bytes(5, w), bytes(2, "after")) },
  "a Constant": {
    name: "c",
    around: (w) =>
      modelBytes(bytes(1, bytes(2, "c"), bytes(5, bytes(5, w), int(20, 4), bytes(1, "value")), bytes(4, "Constant"))),
  },
  "an initializer of a body": {
    name: "w",
    around: (w) =>
      modelBytes(
        bytes(1, bytes(4, "If"), bytes(5, bytes(1, "else_branch"), bytes(6, bytes(2, "e")))),
        bytes(1, bytes(4, "If"), bytes(5, bytes(6, bytes(5, w)), bytes(1, "then_branch"), int(20, 5))),
      ),
  },
  "a Constant of a function": {
    name: "call:c",
    around: (w) =>
      concat(
        modelBytes(bytes(1, bytes(3, "call"), bytes(4, "F"), bytes(7, "d"))),
        bytes(
          25,
          bytes(1, "F"),
          bytes(10, "d"),
          bytes(7, bytes(4, "Constant"), bytes(2, "c"), bytes(5, bytes(1, "value"), int(20, 4), bytes(5, w))),
          bytes(9, int(2, 17)),
        ),
      ),
  },
  "an attribute that a function refers to": {
    name: "call:c",
    around: (w) =>
      concat(
        modelBytes(
          bytes(1, bytes(3, "call"), bytes(4, "F"), bytes(7, "d"), bytes(5, bytes(1, "a"), int(20, 4), bytes(5, w))),
        ),
        bytes(
          25,
          bytes(1, "F"),
          bytes(10, "d"),
          bytes(6, "a"),
          bytes(7, bytes(4, "Constant"), bytes(2, "c"), bytes(5, bytes(1, "value"), int(20, 4), bytes(21, "a"))),
          bytes(9, int(2, 17)),
        ),
      ),
  },
  "a default attribute of a function": {
    name: "call:c",
    around: (w) =>
      concat(
        modelBytes(bytes(1, bytes(3, "call"), bytes(4, "F"), bytes(7, "d"))),
        bytes(
          25,
          bytes(1, "F"),
          bytes(10, "d"),
          bytes(11, bytes(1, "a"), int(20, 4), bytes(5, w)),
          bytes(7, bytes(4, "Constant"), bytes(2, "c"), bytes(5, bytes(1, "value"), int(20, 4), bytes(21, "a"))),
          bytes(9, int(2, 17)),
        ),
      ),
  },
};

describe("a tensor gets new values where it is, and all else stays", () => {
  const cases = Object.keys(places).flatMap((place) => Object.keys(forms).map((form) => [place, form] as const));
  it.each(cases)("in %s, as %s", (place, form) => {
    const { name, around } = places[place] ?? expect.fail();
    const made = (values: readonly number[]) => around(formOf(form)("w", values));
    for (const values of [
      [1, 2, 0.5],
      [0, -2, 100],
      [0, 0, 0],
    ]) {
      for (const data of [Float32Array.from(values), Float64Array.from(values)]) {
        expect(rewritten(made([1, 0, -2]), { [name]: { data, dims: [3] } })).toEqual(made(values));
      }
    }
  });

  it("whatever is around it", () => {
    const kinds = Object.keys(forms);
    const values = fc.tuple(...[1, 2, 3].map(() => fc.constantFrom(1, 2, 0.5, 0, -2, 100)));
    const item = fc.record({
      form: fc.constantFrom(...kinds),
      before: values,
      after: fc.option(values),
      noise: fc.uint8Array({ maxLength: 200 }),
      body: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), fc.boolean(), (items, isMetadataSet) => {
        const made = (isAfter: boolean) =>
          modelBytes(
            ...items.map(({ form, before, after, noise, body }, index) => {
              const initializer = bytes(5, formOf(form)(`w${index}`, (isAfter ? after : before) ?? before));
              const around = body
                ? bytes(1, bytes(4, "If"), bytes(5, bytes(1, "b"), int(20, 5), bytes(6, bytes(2, "body"), initializer)))
                : initializer;
              return concat(around, bytes(999, noise));
            }),
          );
        const entry = (value: string) => bytes(14, bytes(1, "key"), bytes(2, value));
        const original = isMetadataSet ? concat(entry("old"), made(false)) : made(false);
        const trained = items.flatMap(({ after }, index) =>
          after === null ? [] : [[`w${index}`, float32(...after)] as const],
        );
        const expected = isMetadataSet ? concat(made(true), entry("new")) : made(true);
        const metadata = isMetadataSet ? { key: "new" } : undefined;
        expect(Buffer.from(rewritten(original, Object.fromEntries(trained), metadata)).equals(expected)).toBe(true);
      }),
    );
  });

  it("by lengths and tags that take more bytes than they need", () => {
    const long = (length: number) => Uint8Array.of((length & 127) | 128, 128, 0);
    const made = (list: Uint8Array, length: Uint8Array) => {
      const w = concat(tensor("w", 10, 1), tag(5, 2), length, list);
      return modelBytes(concat(Uint8Array.of(0xaa, 0x80, 0x00), varint(w.length), w));
    };
    const before = made(varints(half(0)), long(1));
    expect(rewritten(before, { w: float32(0) })).toEqual(before);
    expect(rewritten(before, { w: float32(100) })).toEqual(made(varints(half(100)), varint(3)));
  });

  it("in a large unpacked list", () => {
    const count = 20_000;
    const made = (value: number) => {
      const list = Array.from({ length: count }, (_, index) => float(4, index === 7 ? 7 : value));
      return modelBytes(bytes(5, tensor("w", 1, count, ...list)));
    };
    const data = new Float32Array(count).fill(3);
    data[7] = 7;
    expect(rewritten(made(1), { w: { data, dims: [count] } })).toEqual(made(3));
  });

  it("in a list of no numbers, and in none", () => {
    const empty = modelBytes(bytes(5, int(1, 0), int(2, 1), bytes(8, "w")));
    expect(rewritten(empty, { w: { data: new Float32Array(), dims: [0] } })).toEqual(empty);
    expect(rewritten(empty, {})).toEqual(empty);
  });

  it("rounded to nearest, ties to even", () => {
    const made = (bits: readonly number[]) => modelBytes(bytes(5, tensor("w", 10, 6, bytes(9, shorts(bits)))));
    // 1 + 2^-11 lies between 1 and 1 + 2^-10; 65519 and 2^-25 are at the ends.
    const values = [1 + 2 ** -11, 1 + 3 * 2 ** -11, -65519.99, 2 ** -25, Number.NaN, Infinity];
    const result = rewritten(made([0, 0, 0, 0, 0, 0]), { w: { data: Float64Array.from(values), dims: [6] } });
    expect(result).toEqual(made([0x3c00, 0x3c02, 0xfbff, 0, 0x7e00, 0x7c00]));
  });
});

describe("real models", () => {
  const extra = ["half-precision/cnn.torchscript.float16.onnx", "half-precision/mlp.dynamo.bfloat16.onnx"];
  const control = ["loop-cell", "if-nested", "scan-of-weights"].map((name) => `control-flow/${name}.onnx`);
  const all = [...fixtureModels, ...[...extra, ...control].map(fixture)];

  it.each(all.map((file) => [basename(file), file]))("%s keeps all but the values of some tensors", (_, file) => {
    const model = readModel(file);
    const original = onnx.ModelProto.decode(readFileSync(file));
    // Every second initializer of real numbers, by what an independent decoder says of them.
    const chosen = (original.graph?.initializer ?? []).filter(
      ({ dataType }, index) => index % 2 === 0 && [1, 10, 11, 16].includes(dataType ?? 0),
    );
    const values = new Map(
      chosen.map(({ name, dims }, index) => {
        const shape = (dims ?? []).map(Number);
        const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
        for (const at of data.keys()) data[at] = ((at + index) % 64) / 32;
        return [name ?? "", { data, dims: shape }];
      }),
    );
    expect(writeTrainedModel(model, values, path, { keepMode: true })).toEqual([path]);
    const read = new Map(readModel(path).graph.initializers.map((each) => [each.name, each]));
    for (const [name, { data }] of values) {
      const written = read.get(name);
      expect(Buffer.compare(bytesOf(written && readFloats(written, "float32")), bytesOf(data))).toBe(0);
    }
    const result = onnx.ModelProto.decode(readFileSync(path));
    expect(statSync(path).size).toBe(statSync(file).size);
    for (const proto of [original, result]) {
      for (const each of proto.graph?.initializer ?? [])
        if (values.has(each.name ?? "")) each.rawData = new Uint8Array();
    }
    expect(Buffer.compare(onnx.ModelProto.encode(result).finish(), onnx.ModelProto.encode(original).finish())).toBe(0);
  });

  it("compute with the new values", async () => {
    const file = fixture("pytorch/mlp.torchscript.onnx");
    const decoded = onnx.ModelProto.decode(readFileSync(file));
    const values = new Map(
      (decoded.graph?.initializer ?? []).map((each) => {
        const dims = (each.dims ?? []).map(Number);
        const data = new Float32Array(dims.reduce((product, extent) => product * extent, 1));
        for (const at of data.keys()) data[at] = Math.sin(at);
        each.rawData = new Uint8Array(data.buffer);
        return [each.name ?? "", { data, dims }] as const;
      }),
    );
    writeTrainedModel(readModel(file), values, path);
    const outputs = await Promise.all([path, onnx.ModelProto.encode(decoded).finish(), file].map(run));
    expect(outputs[0]).toEqual(outputs[1]);
    expect(outputs[0]).not.toEqual(outputs[2]);
  });

  it("of functions compute with the new values of constants in them", async () => {
    const model = (weight: number) => {
      const value = (name: string) =>
        bytes(2, bytes(1, int(1, 1), bytes(2, bytes(1, bytes(2, name)), bytes(1, int(1, 8)))));
      const constant = bytes(5, tensor("", 1, 8, ...Array.from({ length: 8 }, () => float(4, weight))));
      return concat(
        modelBytes(
          bytes(1, bytes(1, "x"), bytes(2, "y"), bytes(3, "scale"), bytes(4, "Scale"), bytes(7, "own")),
          bytes(2, "g"),
          bytes(11, bytes(1, "x"), value("N")),
          bytes(12, bytes(1, "y"), value("N")),
        ),
        bytes(8, bytes(1, "own"), int(2, 1)),
        bytes(
          25,
          bytes(1, "Scale"),
          bytes(10, "own"),
          bytes(4, "a"),
          bytes(5, "b"),
          bytes(7, bytes(2, "w"), bytes(4, "Constant"), bytes(5, bytes(1, "value"), int(20, 4), constant)),
          bytes(7, bytes(1, "a"), bytes(1, "w"), bytes(2, "b"), bytes(4, "Mul")),
          bytes(9, int(2, 17)),
        ),
      );
    };
    const values = { "scale:w": { data: Float32Array.from([0, 1, 2, 3, 4, 5, 6, 7]), dims: [8] } };
    rewritten(model(9), values);
    expect(await run(path)).toEqual(Float32Array.from([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]));
  });
});

function bytesOf(data: Float32Array | Float64Array | undefined): Uint8Array {
  return data === undefined ? new Uint8Array() : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A model's first output for an input of ones. */
async function run(file: string | Uint8Array): Promise<unknown> {
  const session = await (typeof file === "string" ? InferenceSession.create(file) : InferenceSession.create(file));
  const [name = ""] = session.inputNames;
  const feeds = { [name]: new RuntimeTensor("float32", new Float32Array(16).fill(1), [2, 8]) };
  return (await session.run(feeds))[session.outputNames[0] ?? ""]?.data;
}

describe("external data", () => {
  let home: string;
  let original: string;
  beforeEach(() => {
    home = join(folder, "home");
    mkdirSync(home);
    original = join(home, "model.onnx");
  });

  const entries = (list: Readonly<Record<string, string>>) =>
    Object.entries(list).map(([key, value]) => bytes(13, bytes(1, key), bytes(2, value)));
  const external = (name: string, count: number, list: Readonly<Record<string, string>>, type = 1) =>
    bytes(5, int(1, count), int(2, type), bytes(8, name), ...entries(list), int(14, 1));
  const inside = (value: number) => bytes(5, tensor("inside", 1, 1, bytes(9, floats(value))));
  const rest = (location: string, ...values: readonly number[]) =>
    modelBytes(
      external("a", 2, { location, offset: "8", length: "8" }),
      inside(values[0] ?? 0),
      external("b", 2, { location, length: "4" }, 10),
      bytes(900, "newer"),
    );
  const data = (a: readonly number[], b: readonly number[]) =>
    concat(shorts(b.map(half)), shorts([7, 7]), floats(...a), shorts([9]));
  const trained = new Map([
    ["a", float32(3, 4)],
    ["b", float32(1, 2)],
    ["inside", float32(6)],
  ]);
  const read = (file: string) => new Uint8Array(readFileSync(file));
  const write = (location = "model.onnx.data") => {
    writeFileSync(original, rest(location, 5));
    writeFileSync(join(home, location), data([1, 2], [0, 0]));
    return readModel(original);
  };
  const names = (of: string) => readdirSync(of).toSorted();

  it("of another name goes beside the new model, the original stays", () => {
    const model = write();
    const target = join(home, "new.onnx");
    expect(writeTrainedModel(model, trained, target)).toEqual([target, join(home, "new.onnx.data")]);
    expect(read(target)).toEqual(rest("new.onnx.data", 6));
    expect(read(join(home, "new.onnx.data"))).toEqual(data([3, 4], [1, 2]));
    expect(read(original)).toEqual(rest("model.onnx.data", 5));
    expect(read(join(home, "model.onnx.data"))).toEqual(data([1, 2], [0, 0]));
    expect(names(home)).toEqual(["model.onnx", "model.onnx.data", "new.onnx", "new.onnx.data"]);
  });

  it.each([
    ["model.onnx_data", "a-much-longer-name.onnx", "a-much-longer-name.onnx_data"],
    ["model.bin", "n.onnx", "n.bin"],
    ["weights.bin", "n.onnx", "n.weights.bin"],
    ["models.bin", "n.onnx", "n.models.bin"],
    ["data", "n", "n.data"],
  ])("%s of model.onnx goes with %s as %s", (location, name, expected) => {
    writeTrainedModel(write(location), trained, join(home, name));
    expect(read(join(home, name))).toEqual(rest(expected, 6));
    expect(read(join(home, expected))).toEqual(data([3, 4], [1, 2]));
  });

  it("goes with the model into another folder under its name, subfolders included", () => {
    mkdirSync(join(home, "sub"));
    const model = write("sub/w.bin");
    mkdirSync(join(folder, "other"));
    const target = join(folder, "other", "model.onnx");
    expect(writeTrainedModel(model, trained, target)).toEqual([target, join(folder, "other", "sub", "w.bin")]);
    expect(read(target)).toEqual(rest("sub/w.bin", 6));
    expect(read(join(folder, "other", "sub", "w.bin"))).toEqual(data([3, 4], [1, 2]));
  });

  it("is replaced with its own model", () => {
    expect(writeTrainedModel(write(), trained, original)).toEqual([original, join(home, "model.onnx.data")]);
    expect(read(original)).toEqual(rest("model.onnx.data", 6));
    expect(read(join(home, "model.onnx.data"))).toEqual(data([3, 4], [1, 2]));
    expect(names(home)).toEqual(["model.onnx", "model.onnx.data"]);
  });

  it("is replaced with a former result, through links too", () => {
    const target = join(home, "new.onnx");
    writeTrainedModel(write(), trained, target);
    symlinkSync(target, join(home, "link.onnx"));
    writeTrainedModel(readModel(original), new Map([["a", float32(8, 9)]]), target);
    expect(read(target)).toEqual(rest("new.onnx.data", 5));
    expect(read(join(home, "new.onnx.data"))).toEqual(data([8, 9], [0, 0]));
    writeTrainedModel(readModel(target), trained, join(home, "link.onnx"));
    expect(lstatSync(join(home, "link.onnx")).isSymbolicLink()).toBe(true);
    expect(read(target)).toEqual(rest("new.onnx.data", 6));
    expect(names(home)).toEqual(["link.onnx", "model.onnx", "model.onnx.data", "new.onnx", "new.onnx.data"]);
  });

  it("is replaced where it is when the model's name is a link elsewhere", () => {
    write();
    symlinkSync(original, join(folder, "link.onnx"));
    const written = writeTrainedModel(readModel(original), trained, join(folder, "link.onnx"));
    expect(written).toEqual([join(folder, "link.onnx"), join(home, "model.onnx.data")]);
    expect(read(original)).toEqual(rest("model.onnx.data", 6));
    expect(names(folder)).toEqual(["home", "link.onnx"]);
  });

  it.each(["model.onnx", "new.onnx"])("is whole, with its name back, after a writer of %s was killed", (name) => {
    const target = join(home, name);
    const own = `${name}.data`;
    writeTrainedModel(write(), trained, target);
    const gone = spawnSync(process.execPath, ["--version"]).pid;
    // Killed when the model referred to the new file beside the old one.
    writeFileSync(target, rest(`${own}.replacement`, 7));
    writeFileSync(join(home, `${own}.replacement`), data([7, 7], [1, 1]));
    for (const left of [
      `${name}.replacement`,
      `.${name}.${gone}.0123456789ab.tmp`,
      `.${own}.${gone}.0123456789ab.tmp`,
    ]) {
      writeFileSync(join(home, left), "left");
    }
    const model = readModel(name === "model.onnx" ? target : original);
    writeTrainedModel(model, trained, target);
    expect(read(target)).toEqual(rest(own, 6));
    expect(read(join(home, own))).toEqual(data([3, 4], [1, 2]));
    expect(names(home)).toEqual([...new Set(["model.onnx", "model.onnx.data", name, own])]);
  });

  it("stays untouched in its own place where nothing in it is new", () => {
    const model = write();
    const { ino } = statSync(join(home, "model.onnx.data"));
    expect(writeTrainedModel(model, new Map([["inside", float32(6)]]), original)).toEqual([original]);
    expect(read(original)).toEqual(rest("model.onnx.data", 6));
    expect(statSync(join(home, "model.onnx.data")).ino).toBe(ino);
  });

  it("never replaces what is another's", () => {
    const other = join(folder, "other");
    mkdirSync(other);
    writeFileSync(join(other, "model.onnx.data"), "mine");
    writeFileSync(join(other, "second.onnx"), rest("model.onnx.data", 5));
    const target = join(other, "model.onnx");
    expect(writeTrainedModel(write(), trained, target)).toEqual([target, join(other, "model.onnx-1.data")]);
    expect(readFileSync(join(other, "model.onnx.data"), "utf8")).toBe("mine");
    expect(read(target)).toEqual(rest("model.onnx-1.data", 6));
    // Once more: that is its own.
    writeTrainedModel(readModel(original), trained, target);
    expect(names(other)).toEqual(["model.onnx", "model.onnx-1.data", "model.onnx.data", "second.onnx"]);
  });

  it("that other tensors share is changed for those only that are trained", () => {
    const at = (offset: number, count: number, name: string) =>
      external(name, count, { location: "w.bin", offset: String(offset) });
    const noOffset = external("d", 1, { location: "w.bin" });
    writeFileSync(
      original,
      modelBytes(at(4, 2, "a"), at(4, 2, "b"), at(8, 2, "c"), noOffset, at(16, 1, "alone"), at(0, 1, "e")),
    );
    writeFileSync(join(home, "w.bin"), floats(0, 1, 2, 3, 4));
    const target = join(home, "new.onnx");
    const values = new Map([
      ["a", float32(10, 20)],
      ["b", float32(30, 40)],
      ["d", float32(50)],
      ["alone", float32(60)],
    ]);
    writeTrainedModel(readModel(original), values, target);
    const written = new Map(
      readModel(target).graph.initializers.map((each) => [each.name, [...readFloats(each, "float32")]]),
    );
    expect(Object.fromEntries(written)).toEqual({ a: [10, 20], b: [30, 40], c: [2, 3], d: [50], e: [0], alone: [60] });
    // Without c, a could stay where it was.
    const pair = new Map([...values].filter(([name]) => name === "a" || name === "b"));
    writeFileSync(original, modelBytes(at(4, 2, "a"), at(4, 2, "b")));
    writeTrainedModel(readModel(original), pair, target);
    const content = read(join(home, "new.w.bin"));
    expect(content.subarray(0, 20)).toEqual(floats(0, 10, 20, 3, 4));
    expect([content.length, content.subarray(4096)]).toEqual([4104, floats(30, 40)]);
  });

  it("is one file however it is called, and has the digest that the model says", () => {
    mkdirSync(join(home, "sub"));
    const made = (locations: readonly string[], digest: string) =>
      modelBytes(
        ...locations.map((location, index) =>
          external(`w${index}`, 1, { location, offset: String(4 * index), checksum: digest }),
        ),
      );
    symlinkSync("w.bin", join(home, "link.bin"));
    writeFileSync(join(home, "w.bin"), floats(0, 1, 2, 3));
    writeFileSync(original, made(["./w.bin", "sub/../w.bin", "link.bin", "w.bin"], "x"));
    const target = join(folder, "model.onnx");
    writeTrainedModel(readModel(original), new Map([["w3", float32(9)]]), target);
    const content = floats(0, 1, 2, 9);
    expect(read(join(folder, "w.bin"))).toEqual(content);
    const digest = createHash("sha1").update(content).digest("hex");
    expect(read(target)).toEqual(made(["./w.bin", "w.bin", "w.bin", "w.bin"], digest));
    expect(names(folder)).toEqual(["home", "model.onnx", "w.bin"]);
  });

  it("of sparse tensors and of tensors in attributes goes along", () => {
    const values = (location: string) =>
      modelBytes(
        bytes(15, bytes(1, int(1, 1), int(2, 1), ...entries({ location }), int(14, 1)), int(3, 4)),
        bytes(
          1,
          bytes(4, "Op"),
          bytes(5, bytes(1, "list"), int(20, 9), bytes(10, external("", 1, { location }).subarray(2))),
        ),
      );
    writeFileSync(original, values("w.bin"));
    writeFileSync(join(home, "w.bin"), floats(1));
    writeTrainedModel(readModel(original), new Map(), join(home, "new.onnx"));
    expect(read(join(home, "new.onnx"))).toEqual(values("new.w.bin"));
    expect(read(join(home, "new.w.bin"))).toEqual(floats(1));
  });

  it("is not written where the model cannot be", () => {
    const model = write();
    for (const [target, message] of [
      [join(home, "none", "new.onnx"), /cannot be written: no such file or folder/],
      [home, /cannot be written: it is a folder/],
      [join(original, "new.onnx"), /a part of the path is not a folder/],
    ] as const) {
      expect(refusal(() => writeTrainedModel(model, trained, target))).toMatch(message);
    }
    // The model's name is a link that leads nowhere.
    symlinkSync(join(home, "none", "x"), join(home, "new.onnx"));
    expect(refusal(() => writeTrainedModel(model, trained, join(home, "new.onnx")))).toMatch(/cannot be written/);
    expect(names(home)).toEqual(["model.onnx", "model.onnx.data", "new.onnx"]);
  });

  it.skipIf(!existsSync("/dev/full"))("on a full disk leaves the original as it was", () => {
    const model = write();
    const target = join(folder, "full.onnx");
    symlinkSync("/dev/full", target);
    expect(refusal(() => writeTrainedModel(model, trained, target))).toMatch(/is no file/);
    const small = readModel(modelBytes(inside(1)));
    expect(refusal(() => writeTrainedModel(small, new Map(), target))).toMatch(/cannot be written: the disk is full/);
    symlinkSync("/dev/full", join(home, "model.onnx.data.replacement"));
    expect(refusal(() => writeTrainedModel(model, trained, original))).toMatch(
      /model\.onnx\.data\.replacement: cannot be written: the disk is full$/,
    );
    expect(read(original)).toEqual(rest("model.onnx.data", 5));
    expect(read(join(home, "model.onnx.data"))).toEqual(data([1, 2], [0, 0]));
    expect(names(home)).toEqual(["model.onnx", "model.onnx.data"]);
  });
});

describe("values are refused", () => {
  const constant = (name: string) =>
    bytes(
      1,
      bytes(2, name),
      bytes(4, "Constant"),
      bytes(5, bytes(1, "value"), int(20, 4), bytes(5, tensor("", 1, 1, bytes(9, floats(1))))),
    );
  const model = () =>
    readModel(
      modelBytes(
        bytes(5, tensor("w", 1, 2, bytes(9, floats(1, 2)))),
        bytes(5, tensor("h", 10, 1, bytes(9, shorts([1])))),
        bytes(5, tensor("b", 16, 1, bytes(9, shorts([1])))),
        bytes(5, tensor("i", 7, 1, bytes(7, varints(1)))),
        ...["x", "y"].map((name) =>
          bytes(1, bytes(4, "If"), bytes(5, bytes(1, name), int(20, 5), bytes(6, constant("twice")))),
        ),
      ),
    );

  it.each<[string, string, TrainedValues, RegExp]>([
    ["of no tensor", "none", float32(1), /"none": is no initializer or constant of the model/],
    ["of integers", "i", float32(1), /"i": is int64 \[1\] in the model, real numbers \[1\] were given/],
    [
      "of another shape",
      "w",
      { data: new Float32Array(2), dims: [2, 1] },
      /is float32 \[2\] in the model, real numbers \[2, 1\]/,
    ],
    ["of too few elements", "w", { data: new Float32Array(1), dims: [2] }, /"w": has 1 values for the shape \[2\]/],
    ["of two tensors", "twice", float32(1), /"twice": is the name of tensors in different bodies/],
    ["beyond float16", "h", float32(65520), /"h": its value 65520 \(element 0\) is too large for float16; train with/],
    ["beyond bfloat16", "b", float32(-3.4e38), /"b": its value -3\.\d+e\+38 \(element 0\) is too large for bfloat16/],
    [
      "beyond float32",
      "w",
      { data: Float64Array.of(1, 1e39), dims: [2] },
      /value 1e\+39 \(element 1\) is too large for float32/,
    ],
  ])("%s", (_, name, values, message) => {
    expect(refusal(() => writeTrainedModel(model(), new Map([[name, values]]), path))).toMatch(message);
    expect(existsSync(path)).toBe(false);
  });

  it("of a function that is called twice, before training too", () => {
    const call = (name: string) => bytes(1, bytes(3, name), bytes(4, "F"), bytes(7, "d"));
    const called = readModel(
      concat(
        modelBytes(call("one"), call("two")),
        bytes(25, bytes(1, "F"), bytes(10, "d"), constant("c").with(0, 7 * 8 + 2), bytes(9, int(2, 17))),
      ),
    );
    const message = /"one:c": is one tensor with "two:c" in the file, .* called several times: leave it .* --freeze/;
    expect(refusal(() => requireWritable(called, new Map([["one:c", [1]]])))).toMatch(message);
    expect(refusal(() => writeTrainedModel(called, new Map([["one:c", float32(1)]]), path))).toMatch(message);
    requireWritable(model(), new Map([["w", [2]]]));
  });

  it("of a model that was made in memory, or is not as it was read", () => {
    expect(refusal(() => writeTrainedModel(madeModel(madeGraph([], [], [])), new Map(), path))).toMatch(
      /^m: was not read/,
    );
    const read = model();
    const moved = { ...read, graph: { ...read.graph, initializers: read.graph.initializers.toReversed() } };
    expect(refusal(() => writeTrainedModel(moved, new Map([["w", float32(1, 2)]]), path))).toMatch(
      /tensor "w" \[2\] is not where it was read; read the model again/,
    );
  });
});
