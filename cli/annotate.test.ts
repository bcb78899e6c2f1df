import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { commandLine } from "./testing/command-line.js";
import { encodeModel } from "../src/graph/encode-model.js";
import { float32Tensor, graphBuilder, modelOf } from "../src/graph/builder.js";
import { readModel } from "../src/graph/read-model.js";
import type { ScaleTable } from "../src/passes/scaling/scale-table.js";

const mlp = resolve("fixtures/pytorch/mlp.torchscript.onnx");
const resnet = resolve("fixtures/pytorch/resnet20.torchscript.onnx");

const { run: caadam, runProcess, start, path: inFolder, expectRefusal, expectProcessRefusal } = commandLine();

describe("the table", () => {
  it("shows parameters under their layers, totals and statistics", () => {
    const { status, stdout, stderr } = runProcess("annotate", mlp, "--strategy", "additive");
    expect(status).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toContain("strategy additive, γ = 0.95, convention layer");
    expect(stdout).toMatch(/\/fc2\/Gemm {2}Gemm\n {2}fc2\.weight +kernel +32×64 +1 +64 +32 +2,048 +0\.0500/);
    expect(stdout).toMatch(/fc3\.bias +bias +1 +2 +1 +1 +32 +1\.9500 {2}█{12}/);
    expect(stdout).toContain("6 parameters in 3 layers, 2,689 elements");
    expect(stdout).toContain("connections: least 32, median 512, most 2,048 · total depth 3");
  });

  it("has no colours and no shortened names where it is no terminal", async () => {
    const { stdout } = await caadam("annotate", resnet);
    expect(stdout).not.toContain("\u001b");
    expect(stdout).not.toContain("…");
  });

  it("has a column for each strategy with --all-strategies", async () => {
    const { stdout } = await caadam("annotate", mlp, "--all-strategies");
    expect(stdout).toMatch(/fc1\.weight .* 1\.0000 +1\.0000 +1\.0000 +1\.5874\n/);
    expect(stdout).toMatch(/multiplicative +multiplicative-signed +additive +depth/);
  });

  it("is sorted by any column", async () => {
    const { stdout } = await caadam("annotate", mlp, "--sort", "elements");
    const names = [...stdout.matchAll(/^(fc\d\.\w+)/gm)].map(([, name]) => name);
    expect(names).toEqual(["fc2.weight", "fc1.weight", "fc1.bias", "fc2.bias", "fc3.weight", "fc3.bias"]);
  });

  it("names a tensor that stands for several by the first of them", async () => {
    const { stdout } = await caadam("annotate", resolve("fixtures/pytorch/lstm_classifier.torchscript.onnx"));
    expect(stdout).toMatch(/lstm\.weight_ih_l0 \+1 +kernel/);
    expect(stdout).toMatch(/lstm\.bias_ih_l1 \+3 +bias/);
  });

  it("sorts data in the same way", async () => {
    const { stdout } = await caadam("annotate", mlp, "--sort", "scale", "--format", "csv");
    expect(stdout.split("\n")[1]).toContain("fc2.weight");
  });

  it("calls files of one name by their paths", async () => {
    mkdirSync(inFolder("a"));
    mkdirSync(inFolder("b"));
    copyFileSync(mlp, inFolder("a/m.onnx"));
    copyFileSync(resnet, inFolder("b/m.onnx"));
    expect((await caadam("annotate", "a/m.onnx", "b/m.onnx")).stdout).toMatch(/a\/m\.onnx .*\n.*b\/m\.onnx /);
  });

  it("compares several models by parameter name", async () => {
    const { status, stdout } = await caadam("annotate", mlp, resolve("fixtures/pytorch/mlp.dynamo.onnx"), resnet);
    expect(status).toBe(0);
    expect(stdout).toMatch(/mlp\.torchscript\.onnx +3 +6 +2,689 +3 +32 +512 +2,048 +1\.0000/);
    expect(stdout).toMatch(/fc2\.weight +5\.0000 +5\.0000 +-/);
  });

  it("says what convention keras does", async () => {
    expect((await caadam("annotate", mlp, "--convention", "keras")).stderr).toMatch(
      /share the count of the last of them/,
    );
    expect((await caadam("annotate", mlp, "--convention", "keras", "--quiet")).stderr).toBe("");
  });
});

describe("names from a hostile file", () => {
  it("reach the terminal without control characters, one line each", async () => {
    const graph = graphBuilder("hostile");
    const x = graph.input("x", "float32", ["n", 4]);
    const name = "w\u001b[31m\n\u009b2J\u202etxt";
    const product = graph.node("MatMul", [x, graph.initializer(float32Tensor(name, [4, 4]))], {}, { name: "a\rb" });
    graph.output(product, "float32");
    writeFileSync(inFolder("hostile.onnx"), encodeModel(modelOf(graph.graph())));
    for (const format of ["table", "markdown"]) {
      const { status, stdout } = await caadam("annotate", "hostile.onnx", "--format", format);
      expect(status).toBe(0);
      // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(stdout).toContain(String.raw`w\u001b[31m\n\u009b2J\u202etxt`);
    }
  });
});

describe("formats", () => {
  it("json is the scale table of the contract", async () => {
    const { stdout } = await caadam("annotate", mlp, "--format", "json", "--strategy", "additive");
    const table = JSON.parse(stdout) as ScaleTable;
    expect(table).toMatchObject({
      format: "caadam-scale-table",
      version: 1,
      model: { file: "mlp.torchscript.onnx", producer: "pytorch 2.13.0" },
      strategy: { name: "additive", gamma: 0.95, convention: "layer", normalized: false },
      statistics: { minConnections: 32, medianConnections: 512, maxConnections: 2048, totalDepth: 3 },
    });
    expect(table.model.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(table.parameters[0]).toEqual({
      ...{ name: "fc1.weight", frameworkName: "fc1.weight", layer: "/fc1/Gemm", op: "Gemm", role: "kernel" },
      ...{ dtype: "float32", shape: [64, 8], elements: 512, depth: 0, fanIn: 8, fanOut: 64, connections: 512 },
      ...{ uses: 1, scale: 1 },
    });
  });

  it("csv has one line for each parameter and strategy", async () => {
    const { stdout } = await caadam("annotate", mlp, "--format", "csv", "--all-strategies");
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(1 + 6 * 4);
    expect(lines[0]).toMatch(/^model,strategy,.*,scale$/);
    expect(lines[3]).toBe(
      "mlp.torchscript.onnx,multiplicative,layer,5,false,fc2.weight,fc2.weight,/fc2/Gemm,Gemm,kernel,float32,32x64,2048,1,64,32,2048,1,5",
    );
  });

  it("markdown is a table", async () => {
    expect((await caadam("annotate", mlp, "--format", "markdown")).stdout).toMatch(
      /\| `fc2\.weight` +\| `\/fc2\/Gemm` \| kernel/,
    );
  });

  it.each(["pytorch", "keras", "optax", "transformers", "mmengine"])("%s is a Python file", async (format) => {
    const { status, stdout } = await caadam("annotate", mlp, "--format", format);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^"""/);
    expect(stdout).toContain('"fc2.weight"');
  });

  it("-o writes a file and leaves standard output alone", async () => {
    const { status, stdout, stderr } = await caadam("annotate", mlp, "--format", "json", "-o", "table.json");
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr).toBe("wrote table.json\n");
    const table = JSON.parse(readFileSync(inFolder("table.json"), "utf8")) as ScaleTable;
    expect(table.parameters).toHaveLength(6);
  });

  it("messages are JSON with --json", async () => {
    const { stderr } = await caadam("annotate", mlp, "-o", "table.txt", "--json");
    expect(JSON.parse(stderr)).toEqual({ event: "note", message: "wrote table.txt" });
  });
});

describe("--embed", () => {
  it("adds the table to a copy of the model, byte for byte otherwise", async () => {
    const { status, stdout } = await caadam("annotate", resnet, "--embed", "embedded.onnx", "--strategy", "depth");
    expect(status).toBe(0);
    expect(stdout).toContain("strategy depth");
    const original = readFileSync(resnet);
    const embedded = readFileSync(inFolder("embedded.onnx"));
    expect(embedded.subarray(0, original.length).equals(original)).toBe(true);
    const text = readModel(inFolder("embedded.onnx")).metadata.get("caadam.scale_table") ?? "";
    expect((JSON.parse(text) as ScaleTable).strategy.name).toBe("depth");
  });

  it("works in place", async () => {
    copyFileSync(mlp, inFolder("in-place.onnx"));
    expect((await caadam("annotate", "in-place.onnx", "--embed", "in-place.onnx")).status).toBe(0);
    expect(readModel(inFolder("in-place.onnx")).metadata.has("caadam.scale_table")).toBe(true);
  });
});

describe("bad input is one clear line and exit code 2", () => {
  const write = (name: string, bytes: Uint8Array | string) => writeFileSync(inFolder(name), bytes);
  const annotate = (name: string) => ["annotate", name];

  it("files that are no models", async () => {
    mkdirSync(inFolder("folder"));
    write("empty.onnx", "");
    write("random.onnx", Buffer.from(Array.from({ length: 500 }, (_, index) => (index * 197 + 31) % 256)));
    write("text.onnx", "hello, this is not a model\n");
    write("model.pt", Buffer.from("PK\u0003\u0004archive/data.pkl"));
    write("truncated.onnx", readFileSync(resnet).subarray(0, 20_000));
    await expectProcessRefusal(
      annotate("missing.onnx"),
      /^error: missing\.onnx: cannot be read: no such file or folder$/,
    );
    await expectRefusal(annotate("folder"), /is a folder/);
    await expectRefusal(annotate("empty.onnx"), /is empty/);
    await expectRefusal(annotate("random.onnx"), /^error: random\.onnx: /);
    await expectRefusal(annotate("text.onnx"), /^error: text\.onnx: /);
    await expectRefusal(
      annotate("model.pt"),
      /zip archive or a PyTorch checkpoint; export the model with torch\.onnx\.export/,
    );
    await expectRefusal(annotate("truncated.onnx"), /truncated\.onnx: is cut off: field 7 needs 14390 more bytes/);
  });

  it("external data that is missing, too short, or elsewhere", async () => {
    const model = (location: string) => {
      const graph = graphBuilder("external");
      const x = graph.input("x", "float32", ["n", 4]);
      graph.output(graph.node("MatMul", [x, graph.initializer(float32Tensor("w", [4, 4]))]), "float32");
      const bytes = Buffer.from(encodeModel(modelOf(graph.graph())));
      // TensorProto.external_data (13) and data_location (14) in place of raw_data (9): 66 bytes of field 9 become
      // these.
      const entry = (key: string, value: string) =>
        Buffer.from([0x0a, key.length, ...Buffer.from(key), 0x12, value.length, ...Buffer.from(value)]);
      const location13 = entry("location", location);
      const fields = Buffer.concat([Buffer.from([0x6a, location13.length]), location13, Buffer.from([0x70, 1])]);
      const at = bytes.indexOf(Buffer.from([0x4a, 64]));
      const filler = 66 - fields.length;
      // An unknown field keeps all lengths as they were.
      const padding = Buffer.concat([Buffer.from([0xfa, 0x01, filler - 3]), Buffer.alloc(filler - 3)]);
      return Buffer.concat([bytes.subarray(0, at), fields, padding, bytes.subarray(at + 66)]);
    };
    write("outside.bin", Buffer.alloc(64));
    mkdirSync(inFolder("models"));
    write("models/short.bin", Buffer.alloc(60));
    write("models/whole.bin", Buffer.alloc(64));
    symlinkSync(inFolder("outside.bin"), inFolder("models/link.bin"));
    for (const name of ["none.bin", "short.bin", "whole.bin", "link.bin", "../outside.bin"]) {
      write(`models/${name.replaceAll(/\W/g, "_")}.onnx`, model(name));
    }
    write("models/absolute.onnx", model("/etc/hosts"));
    expect((await caadam("annotate", "models/whole_bin.onnx")).status).toBe(0);
    await expectRefusal(
      annotate("models/none_bin.onnx"),
      /initializer "w": its external data "none\.bin" cannot be read/,
    );
    await expectRefusal(annotate("models/short_bin.onnx"), /needs short\.bin up to byte 64, the file has 60/);
    await expectRefusal(annotate("models/link_bin.onnx"), /symbolic link that lies outside the model's folder/);
    await expectRefusal(annotate("models/___outside_bin.onnx"), /"\.\.\/outside\.bin" lies outside the model's folder/);
    await expectRefusal(annotate("models/absolute.onnx"), /"\/etc\/hosts" lies outside/);
    await expectRefusal(
      ["annotate", "models/whole_bin.onnx", "--embed", "elsewhere.onnx", "--quiet", "-o", "models/table.txt"],
      /elsewhere\.onnx: would not find its external data "whole\.bin" there/,
    );
  });

  it("output that cannot be written", async () => {
    await expectRefusal(
      ["annotate", mlp, "-o", "no-such-folder/table.txt"],
      /no-such-folder\/table\.txt: cannot be written: no such file/,
    );
    await expectRefusal(["annotate", mlp, "--embed", "folder"], /folder: cannot be written/);
    copyFileSync(mlp, inFolder("precious.onnx"));
    await expectRefusal(["annotate", "precious.onnx", "-o", "precious.onnx"], /would overwrite the model/);
    expect(readFileSync(inFolder("precious.onnx")).equals(readFileSync(mlp))).toBe(true);
  });

  it.skipIf(process.getuid?.() === 0)("a folder without permission", async () => {
    mkdirSync(inFolder("locked"));
    chmodSync(inFolder("locked"), 0o500);
    await expectRefusal(["annotate", mlp, "-o", "locked/table.txt"], /permission denied/);
  });

  it("options that make no sense", async () => {
    await expectRefusal(["annotate"], /not enough non-option arguments/i);
    await expectRefusal(["annotate", mlp, "--strategy", "cubic"], /strategy.*cubic/);
    await expectRefusal(["annotate", mlp, "--gamma", "lots"], /--gamma "lots": is not a number/);
    await expectRefusal(["annotate", mlp, "--gamma", ""], /--gamma "": is not a number/);
    await expectRefusal(["annotate", mlp, "--freeze"], /freeze/);
    await expectRefusal(["annotate", mlp, "--freeze", ""], /empty pattern/);
    await expectRefusal(["annotate", mlp, "--no-freeze"], /no-freeze/);
    await expectRefusal(["annotate", mlp, "--strategy", "additive", "--gamma", "2"], /the scale -1; choose a γ nearer/);
    await expectRefusal(["annotate", mlp, "-o", ""], /names no file/);
    await expectRefusal(["annotate", mlp, "--format", "csv", "--format", "json"], /--format: is given more than once/);
    await expectRefusal(["annotate", mlp, "--colour"], /colour/);
    await expectRefusal(["anotate", mlp], /anotate|annotate/);
    await expectProcessRefusal([], /no command/);
    await expectRefusal(["annotate", mlp, resnet, "--embed", "x.onnx"], /--embed: takes one model/);
    await expectRefusal(
      ["annotate", mlp, "--all-strategies", "--format", "pytorch"],
      /takes one model and one strategy/,
    );
    await expectRefusal(["annotate", mlp, "--freeze", "nothing.*"], /matches no float initializer/);
  });

  it("nothing is written when only a later step fails", async () => {
    await expectRefusal(
      ["annotate", mlp, "-o", "table-before-embed.txt", "--embed", "no-such-folder/x.onnx"],
      /cannot be written/,
    );
    expect(existsSync(inFolder("table-before-embed.txt"))).toBe(false);
  });
});

describe("help", () => {
  it("has examples", async () => {
    const { status, stdout } = await caadam("annotate", "--help");
    expect(status).toBe(0);
    expect(stdout).toContain("caadam-onnx annotate model.onnx --format pytorch");
  });

  it("says the version", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(runProcess("--version").stdout.trim()).toBe(version);
  });
});

// The limit is one of shells on Linux; WebAssembly takes 10 GB of addresses where a memory may grow.
describe.runIf(process.platform === "linux")("a machine that gives a process few addresses", () => {
  it("runs it", () => {
    const command = `ulimit -v 8000000 && exec "${process.execPath}" dist/cli/main.js annotate "${mlp}"`;
    const { status, stderr, stdout } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("fc1.weight");
  });
});

describe("standard output that nobody reads to its end", () => {
  it("is no error", async () => {
    const { child, finished } = start("annotate", mlp);
    child.stdout.destroy();
    expect(await finished).toMatchObject({ status: 0, signal: null, stderr: "" });
  });
});

describe("a narrow terminal", () => {
  it("is not exceeded", async () => {
    const { textTable } = await import("./text-table.js");
    const name = "encoder.layer.11.attention.self.query.weight";
    const header = [
      { title: "parameter", align: "left", shrinks: true },
      { title: "connections", align: "right" },
    ] as const;
    for (const columns of [30, 40, 60, 80]) {
      const text = textTable(
        header,
        [{ heading: `/very/${"long/".repeat(30)}name` }, { cells: [name, "1,234"] }],
        columns,
      );
      for (const line of text.split("\n")) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
      expect(text).toMatch(/enc.*…?.*weight/);
    }
  });
});
