import type { ScaleTable } from "../../passes/scaling/scale-table.js";
import type { Layer } from "../../passes/structure/layers.js";
import { architectureDrawing } from "./architecture.js";
import type { DrawnLayer } from "./drawn-layers.js";
import { layerGraph } from "./layer-graph.js";
import { html, type Markup } from "./markup.js";
import { type ScaleColors, scaleLegend } from "./scale-colors.js";

/** The architecture with a legend of its colours. */
export function architectureSection(
  drawn: readonly DrawnLayer[],
  layers: readonly Layer[],
  colors: ScaleColors,
  { strategy }: ScaleTable,
): Markup {
  const { name, gamma, convention, normalized } = strategy;
  const how =
    name === "none"
      ? ""
      : `: strategy ${name}, γ = ${gamma}, convention ${convention}${normalized ? ", normalized" : ""}`;
  const note =
    convention === "layer" ? "" : " This convention scales each parameter by itself; the colour is that of the kernel.";
  return html`<section aria-labelledby="architecture-title">
    <div class="head">
      <div>
        <h2 id="architecture-title">Architecture</h2>
        <p class="note">
          Layers by depth, coloured by the scale of their learning rate${how}. Lines lead to what uses their output;
          where outputs are added, multiplied or put together, they meet in a circle.${note}
        </p>
      </div>
    </div>
    ${scaleLegend(colors)}
    <div
      class="scroll architecture-frame"
      style="margin-top: 10px"
      tabindex="0"
      role="region"
      aria-labelledby="architecture-title"
    >
      ${architectureDrawing(drawn, layerGraph(layers), colors)}
    </div>
  </section>`;
}
