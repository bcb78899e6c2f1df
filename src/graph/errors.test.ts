import { expect, it } from "vitest";
import { InputError, oneLine, systemReason } from "./errors.js";
import { fileBytes } from "./bytes.js";
import { refusal } from "./testing/input-error.js";

it("names the place, the fault and the remedy", () => {
  expect(new InputError("m.onnx", "is empty", "export it again").message).toBe("m.onnx: is empty; export it again");
  expect(new InputError("m.onnx", "is empty").message).toBe("m.onnx: is empty");
});

it("escapes what would break the line or move the cursor", () => {
  expect(oneLine("a\nb\r\t\u001b[31m\u0000")).toBe(String.raw`a\nb\r\t\u001b[31m\u0000`);
  expect(oneLine("\u007f\u0085\u009b31m\u2028\u2029")).toBe(String.raw`\u007f\u0085\u009b31m\u2028\u2029`);
  expect(oneLine("größe 層 😀")).toBe("größe 層 😀");
});

it("shortens what no one would read", () => {
  const { message } = new InputError("m.onnx", `the name "${"x".repeat(1e6)}" is defined twice`, "rename it");
  expect(message.length).toBeLessThan(2100);
  expect(message).toMatch(/^m\.onnx: the name "x+ \.\.\. x+" is defined twice; rename it$/);
});

it("gives the system's reasons in words", () => {
  expect(systemReason(Object.assign(new Error("x"), { code: "ENOSPC" }))).toBe("the disk is full");
  expect(systemReason(new Error("odd"))).toBe("odd");
  expect(systemReason("odd")).toBe("odd");
  expect(refusal(() => fileBytes("no/such/file.onnx"))).toBe(
    "no/such/file.onnx: cannot be read: no such file or folder",
  );
  expect(refusal(() => fileBytes("a\u0000b"))).toMatch(/cannot be read/);
});
