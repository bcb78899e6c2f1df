import { rawBytes, type Tensor } from "../../../graph/tensor.js";
import type { Givens, Rewriting, Upgrade } from "./rewriting.js";

/** Upsample and what became of it. */
export const resizing: readonly Upgrade[] = [
  { operators: ["Upsample"], until: 10, rewrite: upsample },
  { operators: ["Resize"], until: 18, rewrite: (at) => (at.around.opset < 11 ? firstResize(at) : resize(at)) },
];

/** Until opset 10 coordinates were x / scale, and the nearest neighbour of an enlarged image the one before. */
const oldCoordinates: Givens = { coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };

/** Upsample (opset 7: attribute scales, 9: input) as Resize. */
function upsample(at: Rewriting): void {
  const scales = at.around.opset < 9 ? at.floats("scales", scalesAttribute(at)) : at.input(1);
  at.put("Resize", [at.input(0), "", scales], { ...oldCoordinates, scales: undefined });
}

function scalesAttribute(at: Rewriting): readonly number[] {
  const scales = at.attribute("scales");
  if (scales?.kind !== "floats") throw at.missing("scales");
  return scales.value;
}

/**
 * Resize of opset 10. ONNX's tests and ONNX Runtime take the nearest neighbour after x / scale along axes that shrink,
 * before it along those that grow; where it is unknown which do, they are resized one after the other.
 */
function firstResize(at: Rewriting): void {
  const scales = at.input(1);
  if (at.text("mode", "nearest") !== "nearest") {
    at.keep([at.input(0), "", scales], oldCoordinates);
    return;
  }
  const known = knownScales(at.around.constant(scales));
  if (known?.every((scale) => scale >= 1)) {
    at.keep([at.input(0), "", scales], oldCoordinates);
  } else if (known?.every((scale) => scale <= 1)) {
    at.keep([at.input(0), "", scales], { ...oldCoordinates, nearest_mode: "ceil" });
  } else {
    const one = at.floats("one", [1]);
    const shrunk = at.emit("shrunk", "Resize", [at.input(0), "", at.emit("shrinking", "Min", [scales, one])], {
      mode: "nearest",
      ...oldCoordinates,
      nearest_mode: "ceil",
    });
    at.keep([shrunk, "", at.emit("growing", "Max", [scales, one])], oldCoordinates);
  }
}

function knownScales(tensor: Tensor | undefined): Float32Array | undefined {
  if (tensor?.dataType !== "float32" || tensor.payload.kind === "none") return undefined;
  return new Float32Array(Uint8Array.from(rawBytes(tensor)).buffer);
}

/**
 * Resize of opsets 11 to 17. Inputs that do not count are left out, which opset 11 wrote as empty tensors: the region
 * of interest but for tf_crop_and_resize, scales where there are sizes. Opset 13 took tf_half_pixel_for_nn away: (x +
 * 0.5) / scale rounded down is half_pixel, (x + 0.5) / scale - 0.5, rounded to the nearest, up from the middle; and
 * the former rounded half down is the latter rounded up.
 */
function resize(at: Rewriting): void {
  const [data, region, scales, sizes] = [at.input(0), at.input(1), at.input(2), at.input(3)];
  const hasSizes = sizes !== "" && at.around.constant(sizes)?.shape[0] !== 0;
  const transformation = at.text("coordinate_transformation_mode", "half_pixel");
  at.keep(
    [data, transformation === "tf_crop_and_resize" ? region : "", hasSizes ? "" : scales, hasSizes ? sizes : ""],
    transformation === "tf_half_pixel_for_nn" ? halfPixel(at) : {},
  );
}

function halfPixel(at: Rewriting): Givens {
  const mode = at.text("mode", "nearest");
  const rounding = at.text("nearest_mode", "round_prefer_floor");
  const nearest = halfPixelRounding.get(rounding);
  if (mode !== "nearest" || nearest === undefined) {
    throw at.refusal(`has the coordinates tf_half_pixel_for_nn with ${mode}, ${rounding}, which opset 13 took away`);
  }
  return { coordinate_transformation_mode: "half_pixel", nearest_mode: nearest };
}

const halfPixelRounding: ReadonlyMap<string, string> = new Map([
  ["floor", "round_prefer_ceil"],
  ["round_prefer_floor", "ceil"],
]);
