import type { Rewriting, Upgrade } from "./rewriting.js";

/** Operators that read between pixels or in frequencies. */
export const sampling: readonly Upgrade[] = [
  { operators: ["GridSample"], until: 20, rewrite: gridSample },
  { operators: ["RoiAlign"], until: 16, rewrite: roiAlign },
  { operators: ["DFT"], until: 20, rewrite: fourierTransform },
];

/** Opset 20 renamed the modes, for any number of axes. */
function gridSample(at: Rewriting): void {
  const mode = at.text("mode", "bilinear");
  at.keep(at.node.inputs, { mode: modes.get(mode) ?? mode });
}

const modes: ReadonlyMap<string, string> = new Map([
  ["bilinear", "linear"],
  ["bicubic", "cubic"],
]);

/** Opset 16 brought coordinates shifted by half a pixel, as its default. */
function roiAlign(at: Rewriting): void {
  at.keep(at.node.inputs, { coordinate_transformation_mode: "output_half_pixel" });
}

/** Opset 20: attribute axis -> third input, whose default is -2 where the attribute's was 1. */
function fourierTransform(at: Rewriting): void {
  at.keep([at.input(0), at.input(1), at.movedInteger("axis", 1)], { axis: undefined });
}
