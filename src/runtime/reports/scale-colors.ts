import { brief } from "./numbers.js";
import { html, type Markup } from "./markup.js";

/** A colour for each scale: grey at 1, ever stronger on both sides of it, equal for S and 1/S. */
export interface ScaleColors {
  /** The scale with the strongest colour; its inverse has the strongest on the other side. At least 1. */
  readonly extent: number;
  /** Class and style of an element that is to have the colour of a scale: of `fill` in SVG, of the background else. */
  readonly of: (scale: number) => Markup;
}

/** Colours that tell these scales apart. A scale of 0 has the strongest colour below 1. */
export function scaleColors(scales: readonly number[]): ScaleColors {
  const distances = scales.map((scale) => Math.abs(Math.log(scale))).filter((distance) => Number.isFinite(distance));
  const most = distances.reduce((greatest, distance) => Math.max(greatest, distance), 0);
  const of = (scale: number): Markup => {
    const distance = Math.log(Math.max(scale, Number.MIN_VALUE));
    const share = most === 0 ? Math.sign(distance) : Math.max(Math.min(distance / most, 1), -1);
    return html`class="scaled ${share < 0 ? "below" : "above"}" style="--share:${Math.round(Math.abs(share) * 100)}%"`;
  };
  return { extent: Math.exp(most), of };
}

const STEPS = 24;

/** The colours with the scales that they stand for. */
export function scaleLegend({ extent, of }: ScaleColors): Markup {
  if (extent === 1) return html`<p class="legend">All scales are 1.</p>`;
  const steps = Array.from({ length: 2 * STEPS + 1 }, (_, index) => index / STEPS - 1);
  return html`<p
    class="legend"
    role="img"
    aria-label="Colours of scales from ${brief(1 / extent)} over 1 to ${brief(extent)}"
  >
    <span>×${brief(1 / extent, 3)}</span>
    <svg width="196" height="12" aria-hidden="true">
      ${steps.map((step, index) => html`<rect x="${index * 4}" width="4.5" height="12" ${of(extent ** step)} />`)}
    </svg>
    <span>×${brief(extent, 3)}</span>
  </p>`;
}
