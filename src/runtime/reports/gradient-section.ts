import stringWidth from "string-width";
import { shortened } from "./architecture.js";
import type { GradientNorms } from "./gradient-norms.js";
import { html, Markup } from "./markup.js";
import { brief } from "./numbers.js";

/** Gradient norms by layer and epoch as a heat map, for themselves or relative to the weights. */
export function gradientSection(norms: GradientNorms): Markup {
  return html`<section aria-labelledby="gradients-title">
    <div class="head">
      <div>
        <h2 id="gradients-title">Gradient norms</h2>
        <p class="note">
          The Euclidean norm of each layer’s gradient in the last step of an epoch, on a logarithmic scale.
        </p>
      </div>
      <fieldset class="choice" aria-label="What is shown">
        <input type="radio" name="measure" id="measure-gradient" checked /><label for="measure-gradient"
          >Gradient</label
        >
        <input type="radio" name="measure" id="measure-relative" /><label for="measure-relative"
          >Relative to the weights</label
        >
      </fieldset>
    </div>
    ${heatMap(norms, "gradient", "Gradient norms")}
    ${heatMap(norms, "relative", "Gradient norms relative to the norms of the weights")}
  </section>`;
}

/** The width of a heat map, and that of a column of the names before it. */
const WIDTH = 1010;
const NAME_COLUMN = 6.7;
const LONGEST_NAME = 36;
const WIDEST_CELL = 48;
/** Narrower, it scrolls instead of becoming smaller. */
const LEAST_WIDTH = 720;
const COLORS = 20;
/** The height of the line of epochs, above the rows: a long map is seen from its top. */
const TICKS = 18;

/** A heat map: a row for each layer, a column for each epoch, colours by the logarithm of the norm. */
function heatMap(norms: GradientNorms, measure: "gradient" | "relative", label: string): Markup {
  const values = norms.layers.flatMap((layer) => layer[measure]);
  const positive = values.filter((value): value is number => value !== null && Number.isFinite(value) && value > 0);
  const least = positive.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);
  const most = positive.reduce((high, value) => Math.max(high, value), 0);
  const span = Math.log(most / least);
  const colorOf = (value: number): number => {
    if (!Number.isFinite(value)) return NOT_FINITE;
    if (value <= 0) return 0;
    return span > 0 ? Math.round((Math.log(value / least) / span) * (COLORS - 1)) : COLORS - 1;
  };
  const row = norms.layers.length > 40 ? 14 : 20;
  const names = norms.layers.map(({ name }) => shortened(name, LONGEST_NAME));
  const left = Math.ceil(Math.max(...names.map((name) => stringWidth(name))) * NAME_COLUMN) + 24;
  const cell = Math.min((WIDTH - left) / Math.max(norms.epochs.length, 1), WIDEST_CELL);
  const paths = new Map<number, string[]>();
  for (const [y, layer] of norms.layers.entries()) {
    for (const [x, value] of layer[measure].entries()) {
      if (value === null) continue;
      const color = colorOf(value);
      const of = paths.get(color) ?? [];
      // A little wider than the cell: browsers leave hairlines between exact ones.
      of.push(
        `M${short(left + x * cell)} ${TICKS + y * row}h${short(cell + (x + 1 < norms.epochs.length ? 0.3 : 0))}v${row - 1}H${short(left + x * cell)}z`,
      );
      paths.set(color, of);
    }
  }
  const [width, height] = [Math.ceil(left + cell * norms.epochs.length) + 14, TICKS + norms.layers.length * row + 8];
  return html`<div class="heat" data-measure="${measure}">
    <p class="legend">
      ${values.some((value) => Number.isFinite(value)) ? shadeLegend(least, most) : undefined}
      ${paths.has(NOT_FINITE) ? html`<span class="not-finite-key">not finite</span>` : undefined}
      <output class="readout"></output>
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="${label}">
      <svg
        viewBox="0 0 ${width} ${height}"
        width="${width}"
        height="${height}"
        style="min-width: ${Math.min(width, LEAST_WIDTH)}px"
        role="img"
        aria-label="${label}, by layer and epoch"
        data-left="${left}"
        data-cell="${short(cell)}"
        data-row="${row}"
        data-top="${TICKS}"
      >
        ${norms.layers.map(({ name }, y) => html`<text x="${left - 10}" y="${TICKS + y * row + row / 2 + 3.5}" text-anchor="end" class="name"><title>${name}</title>${names[y]}</text>`)}
        ${[...paths].map(([color, parts]) => html`<path ${shade(color)} d="${new Markup(parts.join(""))}" />`)}
        <g class="ticks">
          <text x="${left - 10}" y="11" text-anchor="end">epoch</text>
          ${epochTicks(norms.epochs, cell).map((index) => html`<text x="${short(left + (index + 0.5) * cell)}" y="11" text-anchor="middle">${norms.epochs[index]}</text>`)}
        </g>
      </svg>
    </div>
  </div>`;
}

/** The colours with the norms that they stand for; a single one where they are all equal. */
function shadeLegend(least: number, most: number): Markup {
  const colors = least < most ? COLORS : 1;
  const square = (color: number) =>
    html`<rect x="${color * 8}" width="8.5" height="12" ${shade(colors === 1 && most > 0 ? COLORS - 1 : color)} />`;
  return html`${colors === 1 ? undefined : html`<span>${brief(least, 2)}</span>`}
    <svg width="${colors * 8}" height="12" aria-hidden="true">
      ${Array.from({ length: colors }, (_, color) => square(color))}
    </svg>
    <span>${brief(most, 2)}</span>`;
}

const NOT_FINITE = -1;

function shade(color: number): Markup {
  if (color === NOT_FINITE) return html`class="not-finite"`;
  return html`class="shade" style="--share:${Math.round((color / (COLORS - 1)) * 100)}%"`;
}

function short(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The columns whose epochs are written: the first, and some multiples of 1, 2 or 5 times a power of ten. */
function epochTicks(epochs: readonly number[], cell: number): readonly number[] {
  const perColumn = ((epochs.at(-1) ?? 0) - (epochs[0] ?? 0)) / Math.max(epochs.length - 1, 1);
  const least = Math.max((LEAST_TICKS_APART / cell) * perColumn, 1);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
  // Of thinned out epochs the one that first reaches a multiple stands for it.
  return epochs
    .flatMap((epoch, index) => {
      const before = epochs[index - 1];
      return before === undefined || Math.floor(epoch / step) > Math.floor(before / step) ? [index] : [];
    })
    .filter((index) => index === 0 || index * cell >= LEAST_TICKS_APART);
}

const LEAST_TICKS_APART = 34;
