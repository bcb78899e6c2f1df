import { Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import { type HostTensor, tensorOver } from "./host-tensor.js";

const tensors: readonly HostTensor[] = [
  { type: "float32", data: Float32Array.of(1, 2), dims: [2] },
  { type: "float64", data: Float64Array.of(1, 2), dims: [2] },
  { type: "float16", data: Uint16Array.of(0x3c00, 0x4000), dims: [2] },
  { type: "int64", data: BigInt64Array.of(1n, 2n), dims: [2] },
  { type: "uint64", data: BigUint64Array.of(1n, 2n), dims: [2] },
  { type: "int32", data: Int32Array.of(1, 2), dims: [2] },
  { type: "uint32", data: Uint32Array.of(1, 2), dims: [2] },
  { type: "int16", data: Int16Array.of(1, 2), dims: [2] },
  { type: "uint16", data: Uint16Array.of(1, 2), dims: [2] },
  { type: "int8", data: Int8Array.of(1, 2), dims: [2] },
  { type: "uint8", data: Uint8Array.of(1, 2), dims: [2] },
  { type: "bool", data: Uint8Array.of(1, 0), dims: [2] },
  { type: "string", data: ["a", "b"], dims: [2] },
];

test.each(tensors)(
  "the data of a tensor of $type are known, also as ONNX Runtime gives them",
  ({ type, data, dims }) => {
    expect(tensorOver(data, dims, type)).toEqual({ type, data, dims });
    // The constructor has a signature for each type, not for all of them.
    const given = new Tensor(type as "float32", data as Float32Array, dims);
    expect(tensorOver(given.data, given.dims, given.type)).toEqual({ type, data, dims });
  },
);

test("numbers of half precision come by their bits, whatever array they are in", () => {
  const view = new DataView(Uint16Array.of(0, 0x3c00, 0x4000).buffer, 2);
  // As a Float16Array would be, which newer versions of Node have.
  const within = Object.assign(view, { BYTES_PER_ELEMENT: 2 });
  expect(tensorOver(within, [2], "float16")).toEqual({
    type: "float16",
    data: Uint16Array.of(0x3c00, 0x4000),
    dims: [2],
  });
});

test("numbers of another size are no halves", () => {
  expect(tensorOver(Float32Array.of(1, 2), [2], "float16")?.type).toBe("float32");
  expect(tensorOver(Int16Array.of(1, 2), [2], "float16")?.type).toBe("int16");
});

test("other data are those of no tensor", () => {
  expect(tensorOver([1, 2], [2])).toBeUndefined();
  expect(tensorOver(new Uint8ClampedArray(2), [2])).toBeUndefined();
});
