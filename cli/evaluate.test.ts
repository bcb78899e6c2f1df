import { writeFileSync } from "node:fs";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeModel } from "../src/graph/encode-model.js";
import { ofFour } from "../src/runtime/testing/small-trainings.js";
import { commandLine } from "./testing/command-line.js";
import { csv, houses } from "./testing/data-files.js";

const { run, runProcess, path, expectRefusal } = commandLine();
const rows = houses(40);

beforeAll(async () => {
  const numbers = rows.map(([, , rooms = "", price = ""], row) => [rooms, String(row % 7), price]);
  writeFileSync(path("numbers.csv"), csv(numbers, "rooms,day,price"));
  writeFileSync(path("houses.csv"), csv(rows));
  await run("new", "mlp", "2-4-1", "-o", "numbers.onnx");
  await run("new", "mlp", "5-4-1", "-o", "houses.onnx");
  const how = ["--missing", "drop", "--one-hot", "text", "--standardize", "--loss", "mse", "--epochs", "2"];
  await run("train", "houses.onnx", "--data", "houses.csv", "--target", "price", ...how, "-o", "trained.onnx");
});

describe("evaluate", () => {
  it("measures any model on raw data, by the options", async () => {
    const given = ["--data", "numbers.csv", "--target", "price", "--loss", "mae", "--metrics", "mae, rmse"];
    const { status, stdout, stderr } = runProcess(
      "evaluate",
      "numbers.onnx",
      ...given,
      "--batch-size",
      "7",
      "--format",
      "json",
    );
    expect([status, stderr]).toEqual([0, ""]);
    const session = await InferenceSession.create(path("numbers.onnx"));
    const x = Float32Array.from(rows.flatMap(([, , rooms], row) => [Number(rooms), row % 7]));
    const { output } = await session.run({ x: new Tensor("float32", x, [40, 2]) });
    const errors = rows.map(([, , , price], row) => (output?.data[row] as number) - Number(price));
    const mae = errors.reduce((sum, error) => sum + Math.abs(error), 0) / 40;
    const rmse = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / 40);
    const measured = JSON.parse(stdout) as { loss: number; metrics: Record<string, number> };
    expect(measured).toMatchObject({ examples: 40 });
    expect(measured.loss / mae).toBeCloseTo(1, 5);
    expect((measured.metrics["mae"] ?? NaN) / mae).toBeCloseTo(1, 5);
    expect((measured.metrics["rmse"] ?? NaN) / rmse).toBeCloseTo(1, 5);
  });

  it("does again what training did, whatever the order of columns, and says what it leaves out or overrides", async () => {
    const turned = rows.map((cells) => cells.toReversed());
    writeFileSync(path("turned.csv"), csv(turned, "price,rooms,color,area"));
    const one = await run("evaluate", "trained.onnx", "--data", "houses.csv", "--loss", "mse", "--standardize");
    const other = await run("evaluate", "trained.onnx", "--data", "turned.csv", "--loss", "mse", "--quiet");
    expect(one.stdout).toMatch(/^examples +36\nloss +\S+\nmae +\S+\nr2 +\S+\n$/);
    expect(other.stdout).toBe(one.stdout);
    expect(other.stderr).toBe("");
    expect(one.stderr).toBe(
      "warning: --standardize: the model says itself what to do\nleft out 4 examples with missing values\n",
    );
  });

  it("takes the columns that a model was trained on, and no others, and says which options say nothing", async () => {
    const given = ["evaluate", "trained.onnx", "--data", "houses.csv", "--loss", "mse"];
    const plain = await run(...given);
    const same = ["--target", "price", "--features", "houses.csv:area,color,rooms"];
    expect(await run(...given, ...same)).toEqual(plain);
    await expectRefusal(
      [...given, "--target", "area"],
      /^error: --target area: is not price, which the model was trained on; leave it out$/,
    );
    await expectRefusal(
      [...given, "--target", "prize"],
      /^error: --target prize: is no column of houses\.csv, perhaps/,
    );
    await expectRefusal(
      [...given, "--features", "area,rooms"],
      /^error: --features area,rooms: is not area,color,rooms,/,
    );
    const idle = ["--one-hot", "rooms", "--divide-by", "9", "--missing", "mean", "--unknown-categories", "zeros"];
    const { stdout, stderr } = await run(...given, ...idle);
    expect(stdout).toBe(plain.stdout);
    expect(stderr.split("\n")[0]).toBe(
      "warning: --one-hot, --unknown-categories, --divide-by, --missing: the model says itself what to do",
    );
  });

  it("says how many examples it measured, where a model takes batches of one size alone", async () => {
    writeFileSync(path("four.onnx"), encodeModel(ofFour()));
    writeFileSync(
      path("four.csv"),
      csv(
        Array.from({ length: 11 }, (_, row) => ["1", "2", "3", "4", String(row)]),
        "a,b,c,d,y",
      ),
    );
    const given = ["evaluate", "four.onnx", "--data", "four.csv", "--target", "y", "--loss", "mse"];
    const { stdout, stderr } = await run(...given);
    expect(stdout).toMatch(/^examples +8\nloss +\d/);
    expect(stderr).toBe("warning: the last 3 examples of the data fill no batch of 4 and are left out\n");
    await expectRefusal(
      [...given, "--batch-size", "10"],
      /^error: --batch-size 10: does not fit a model that takes batches of 4/,
    );
    await expectRefusal([...given, "--batch-size", "0"], /^error: --batch-size 0: is out of range/);
  });

  it("refuses in one line what cannot be measured", async () => {
    const given = ["evaluate", "trained.onnx", "--loss", "mse"];
    await expectRefusal(given, /^error: --data: is missing; name a file of examples$/);
    writeFileSync(path("purple.csv"), csv([["50", "purple", "3", "100"]]));
    await expectRefusal([...given, "--data", "purple.csv"], /^error: purple\.csv, line 2, column "color": .*"purple"/);
    await expectRefusal(
      [...given, "--data", "numbers.csv"],
      /^error: numbers\.csv: has no column "area", which the model was trained on/,
    );
    await expectRefusal(
      ["evaluate", "trained.onnx", "--data", "houses.csv", "--loss", "mse", "--metrics", "accuracy"],
      /^error: --metrics accuracy: does not fit/,
    );
    await expectRefusal(
      [...given, "--data", "houses.csv", "--reduction", "none"],
      /^error: --reduction none: gives a loss of shape \[batch, 1\], and what is trained or measured is one number; use mean/,
    );
  });
});
