import cliTruncate from "cli-truncate";
import stringWidth from "string-width";
import { oneLine } from "../../graph/errors.js";
import type { DrawnLayer } from "./drawn-layers.js";
import type { Edge, LayerGraph } from "./layer-graph.js";
import { html, type Markup } from "./markup.js";
import { brief, count } from "./numbers.js";
import type { ScaleColors } from "./scale-colors.js";

/**
 * A drawing of a model: its layers from the first to the last, those of one depth beside each other, each in the colour of
 * its kernel's scale, with lines to what uses their outputs. Where outputs come together there is a small circle.
 * @param layers those of the graph's nodes
 */
export function architectureDrawing(layers: readonly DrawnLayer[], graph: LayerGraph, colors: ScaleColors): Markup {
  const lines = linesOf(layers, graph);
  const sizes = lines.length > MANY_LINES ? compact : roomy;
  const boxes = placed(lines, graph, sizes);
  const paths = routes(boxes, graph, sizes);
  const drawn = boxes.flatMap((box) => {
    const node = graph.nodes[box.node];
    const layer = node?.kind === "layer" ? layers[node.layer] : undefined;
    return layer === undefined ? [] : [{ box, layer }];
  });
  const left = boxes.reduce((least, { x }) => Math.min(least, x), GUTTER + DRAWING) - GUTTER;
  const ends = [...boxes.map(({ x, width }) => x + width), ...paths.map(({ right }) => right)];
  const width = ends.reduce((most, end) => Math.max(most, end), 0) + GUTTER / 2 - left;
  const height = boxes.reduce((most, box) => Math.max(most, box.y + box.height), 0) + MARGIN;
  const depths = new Map<number, number>();
  for (const { box, layer } of drawn) depths.set(layer.depth, Math.min(depths.get(layer.depth) ?? box.y, box.y));
  const scaleColumns = layers.reduce((most, layer) => Math.max(most, scaleText(layer).length), 0);
  return html`<svg
    viewBox="${round(left)} 0 ${round(width)} ${round(height)}"
    width="${round(width)}"
    height="${round(height)}"
    class="architecture ${sizes.name}"
    style="min-width: ${round(Math.min(width * LEAST_ZOOM, LEAST_WIDTH))}px"
    role="img"
    aria-label="The ${count(layers.length)} layers in order of depth; all numbers are in the table of scales"
  >
    <g class="wires">${paths.map(({ path }) => html`<path d="${path}" />`)}</g>
    <g class="depths">
      ${[...depths].map(([depth, y]) => html`<text x="${round(left + GUTTER - 16)}" y="${round(y + sizes.height / 2)}">${depth}</text>`)}
    </g>
    ${boxes.map((box) => {
      const node = graph.nodes[box.node];
      return node?.kind === "join" ? drawnJoin(node.op, box) : undefined;
    })}
    ${drawn.map(({ box, layer }) => drawnBox(layer, box, colors, sizes, scaleColumns))}
  </svg>`;
}

/** More than these are drawn smaller. */
const MANY_LINES = 20;
/** Boxes beside each other; more of one depth take several lines. */
const MOST_BESIDE = 5;
const GUTTER = 44;
const DRAWING = 900;
const MARGIN = 6;
/** Narrower, names are too small to read: the frame scrolls instead. */
const LEAST_WIDTH = 720;
/** A narrow drawing may become smaller by this. */
const LEAST_ZOOM = 0.75;
const SPACE = 14;
/** Between lines that pass by. */
const LANE = 9;
/** The diameter of a circle where outputs come together. */
const JOIN = 15;

const roomy = { name: "roomy", height: 50, gap: 26, widest: 380, font: 13, smallFont: 11.5, radius: 7, inset: 14 };
const compact = { name: "compact", height: 25, gap: 11, widest: 560, font: 12, smallFont: 11, radius: 4, inset: 10 };
type Sizes = typeof roomy;

interface Box {
  readonly node: number;
  readonly isJoin: boolean;
  readonly line: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Nodes by line: in order of depth, and within one depth after those whose outputs they use. */
function linesOf(layers: readonly DrawnLayer[], { nodes, edges }: LayerGraph): readonly (readonly number[])[] {
  const inputs = inputsOf(edges);
  const places: { readonly depth: number; readonly within: number }[] = [];
  for (const [index, node] of nodes.entries()) {
    const before = (inputs.get(index) ?? []).flatMap((from) => places[from] ?? []);
    const deepest = before.reduce((most, place) => Math.max(most, place.depth), 0);
    const depth = node.kind === "layer" ? (layers[node.layer]?.depth ?? 0) : deepest;
    const within = before.reduce((most, place) => (place.depth === depth ? Math.max(most, place.within + 1) : most), 0);
    places.push({ depth, within });
  }
  const groups = new Map<string, number[]>();
  const sorted = places.map(({ depth, within }, index) => ({ depth, within, index }));
  sorted.sort((a, b) => a.depth - b.depth || a.within - b.within || a.index - b.index);
  for (const { depth, within, index } of sorted) {
    const key = `${depth}/${within}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [index]);
    else group.push(index);
  }
  const lines = [...groups.values()].flatMap((group) => chunks(group, MOST_BESIDE));
  const lineOf = new Map(lines.flatMap((line, index) => line.map((node) => [node, index] as const)));
  const reach = nodes.map(() => 0);
  for (const { from, to } of edges) reach[from] = Math.max(reach[from] ?? 0, lineOf.get(to) ?? 0);
  // What is used further down leaves at the right, where lines pass by.
  return lines.map((line) => line.toSorted((a, b) => (reach[a] ?? 0) - (reach[b] ?? 0) || a - b));
}

/** The nodes that each node uses. */
function inputsOf(edges: readonly Edge[]): ReadonlyMap<number, readonly number[]> {
  const inputs = new Map<number, number[]>();
  for (const { from, to } of edges) {
    const of = inputs.get(to);
    if (of === undefined) inputs.set(to, [from]);
    else of.push(from);
  }
  return inputs;
}

function chunks(items: readonly number[], most: number): readonly (readonly number[])[] {
  // As even as can be: 6 are 3 and 3.
  const size = Math.ceil(items.length / Math.ceil(items.length / most));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function placed(lines: readonly (readonly number[])[], { nodes }: LayerGraph, sizes: Sizes): readonly Box[] {
  const boxes: Box[] = Array.from({ length: nodes.length });
  let y = MARGIN;
  for (const [line, members] of lines.entries()) {
    const isJoin = members.map((node) => nodes[node]?.kind === "join");
    const joins = isJoin.filter((is) => is).length;
    const share = (DRAWING - SPACE * (members.length - 1) - joins * JOIN) / Math.max(members.length - joins, 1);
    const width = Math.min(sizes.widest, share);
    const height = joins === members.length ? JOIN : sizes.height;
    let x = GUTTER + (DRAWING - (members.length - joins) * width - joins * JOIN - (members.length - 1) * SPACE) / 2;
    for (const [position, node] of members.entries()) {
      const own = isJoin[position] === true ? { width: JOIN, height: JOIN } : { width, height: sizes.height };
      boxes[node] = { node, isJoin: isJoin[position] === true, line, x, y: y + (height - own.height) / 2, ...own };
      x += own.width + SPACE;
    }
    y += height + sizes.gap;
  }
  return boxes;
}

/** Lines between boxes: straight down to the next line, and in a lane beside the boxes further down. */
function routes(boxes: readonly Box[], { edges }: LayerGraph, { gap, radius }: Sizes) {
  const rights = new Map<number, number>();
  for (const { line, x, width } of boxes) rights.set(line, Math.max(rights.get(line) ?? 0, x + width));
  const lanes: { readonly from: number; readonly first: number; readonly last: number; readonly x: number }[] = [];
  const ends = edges.flatMap(({ from, to }) => {
    const [source, target] = [boxes[from], boxes[to]];
    return source === undefined || target === undefined || source.line >= target.line ? [] : [{ source, target }];
  });
  const byLength = ends.toSorted((a, b) => a.target.line - a.source.line - (b.target.line - b.source.line));
  return byLength.map(({ source, target }): { readonly path: string; readonly right: number } => {
    const [sx, sy] = [source.x + source.width / 2, source.y + source.height];
    const [tx, ty] = [target.x + target.width / 2, target.y];
    const [first, last] = [source.line, target.line];
    if (last === first + 1) {
      const turn = ty - gap / 2;
      return {
        path: bent(
          [
            [sx, sy],
            [sx, turn],
            [tx, turn],
            [tx, ty],
          ],
          radius,
        ),
        right: 0,
      };
    }
    let x = sx;
    for (let line = first + 1; line < last; line += 1) x = Math.max(x, (rights.get(line) ?? 0) + SPACE);
    const beside = lanes.filter((lane) => lane.from !== source.node && lane.first < last && first < lane.last);
    beside.sort((a, b) => a.x - b.x);
    for (const lane of beside) if (Math.abs(lane.x - x) < LANE) x = lane.x + LANE;
    lanes.push({ from: source.node, first, last, x });
    const middle = target.y + target.height / 2;
    // Into a circle from the side, into a box from above.
    const arrival: readonly Point[] = target.isJoin
      ? [
          [x, middle],
          [target.x + target.width, middle],
        ]
      : [
          [x, ty - gap / 2],
          [tx, ty - gap / 2],
          [tx, ty],
        ];
    return { path: bent([[sx, sy], [sx, sy + gap / 2], [x, sy + gap / 2], ...arrival], radius), right: x };
  });
}

function drawnJoin(op: string, { x, y, width }: Box): Markup {
  const [middle, center, arm] = [round(x + width / 2), round(y + width / 2), width / 4];
  const sign = joinSigns.get(op) ?? "dot";
  const path = {
    plus: `M${round(middle - arm)} ${center}h${2 * arm}M${middle} ${round(center - arm)}v${2 * arm}`,
    times: `M${round(middle - arm)} ${round(center - arm)}l${2 * arm} ${2 * arm}m0 ${-2 * arm}l${-2 * arm} ${2 * arm}`,
    lines: `M${round(middle - 2)} ${round(center - arm)}v${2 * arm}m4 ${-2 * arm}v${2 * arm}`,
    dot: `M${round(middle - 0.5)} ${center}h1`,
  }[sign];
  return html`<g class="join">
    <title>${oneLine(op)}</title>
    <circle cx="${middle}" cy="${center}" r="${width / 2}" />
    <path d="${path}" />
  </g>`;
}

/** How sums, products and concatenations are marked. */
const joinSigns: ReadonlyMap<string, "plus" | "times" | "lines"> = new Map([
  ["Add", "plus"],
  ["Sum", "plus"],
  ["Mul", "times"],
  ["MatMul", "times"],
  ["Concat", "lines"],
]);

type Point = readonly [x: number, y: number];

/** A line through points, its corners round. */
function bent(points: readonly Point[], radius: number): string {
  const corners = points.filter(([x, y], index) => {
    const [before, after] = [points[index - 1], points[index + 1]];
    if (before === undefined || after === undefined) return true;
    return !(before[0] === x && after[0] === x) && !(before[1] === y && after[1] === y);
  });
  return corners
    .map((point, index) => {
      const [before, after] = [corners[index - 1], corners[index + 1]];
      if (before === undefined) return `M${written(point)}`;
      if (after === undefined) return `L${written(point)}`;
      return `L${written(towards(point, before, radius))}Q${written(point)} ${written(towards(point, after, radius))}`;
    })
    .join("");
}

/** The point at most `distance`, and at most half the way, from one point towards another. */
function towards([x, y]: Point, [otherX, otherY]: Point, distance: number): Point {
  const length = Math.hypot(otherX - x, otherY - y);
  const share = Math.min(distance, length / 2) / Math.max(length, Number.MIN_VALUE);
  return [x + (otherX - x) * share, y + (otherY - y) * share];
}

function written([x, y]: Point): string {
  return `${round(x)} ${round(y)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function drawnBox(layer: DrawnLayer, box: Box, colors: ScaleColors, sizes: Sizes, scaleColumns: number): Markup {
  const { x, y, width, height } = box;
  const [first] = layer.rows;
  const kernelScale = first?.scale ?? 1;
  const inner = width - 2 * sizes.inset;
  const isRoomy = sizes.name === "roomy";
  const nameRoom = Math.floor((inner - scaleColumns * sizes.font * ADVANCE) / (sizes.font * ADVANCE)) - 2;
  // Beside a name there are facts where they leave enough of it.
  const nameColumns = Math.min(stringWidth(layer.name), LEAST_NAME);
  const besideName = ((nameRoom - nameColumns - 2) * sizes.font) / sizes.smallFont;
  const facts = fitting(factsOf(layer), isRoomy ? inner / (sizes.smallFont * ADVANCE) : besideName);
  const factColumns = isRoomy || facts === "" ? 0 : ((stringWidth(facts) + 2) * sizes.smallFont) / sizes.font;
  const name = shortened(layer.name, Math.floor(nameRoom - factColumns));
  const [start, end] = [round(x + sizes.inset), round(x + width - sizes.inset)];
  const top = round(isRoomy ? y + 20 : y + height / 2 + 4);
  const factsAt = isRoomy
    ? html`x="${start}" y="${round(y + 38)}"`
    : html`x="${round(end - (scaleColumns + 2) * sizes.font * ADVANCE)}" y="${top}" text-anchor="end"`;
  return html`<g>
    <title>${described(layer)}</title>
    <rect
      x="${round(x)}"
      y="${y}"
      width="${round(width)}"
      height="${height}"
      rx="${sizes.radius}"
      ${colors.of(kernelScale)}
    />
    <text x="${start}" y="${top}" class="name">${name}</text>
    <text x="${end}" y="${top}" text-anchor="end" class="scale">${scaleText(layer)}</text>
    <text ${factsAt} class="facts">${facts}</text>
  </g>`;
}

function scaleText({ rows: [first] }: DrawnLayer): string {
  return first === undefined ? "" : `×${brief(first.scale)}`;
}

function factsOf({ op, connections, rows: [first] }: DrawnLayer): readonly string[] {
  const size =
    connections === undefined ? "" : `${count(connections)} ${connections === 1 ? "connection" : "connections"}`;
  return [op, first?.shape.join("×") ?? "", size].filter((fact) => fact !== "");
}

/** Columns of a name that say enough of it. */
const LEAST_NAME = 26;
/** The width of a monospaced character by its size, as browsers' usual fonts have it. */
const ADVANCE = 0.605;

/** As many facts as there is room for, in their order. */
function fitting(facts: readonly string[], columns: number): string {
  for (let shown = facts.length; shown > 0; shown -= 1) {
    const text = facts.slice(0, shown).join(" · ");
    if (stringWidth(text) <= columns) return text;
  }
  return "";
}

/** A text of at most so many columns, shortened in the middle. */
export function shortened(text: string, columns: number): string {
  return stringWidth(text) <= columns ? text : cliTruncate(text, Math.max(columns, 1), { position: "middle" });
}

function described({ name, op, depth, connections, rows }: DrawnLayer): string {
  const facts = [
    `${name} (${op})`,
    `depth ${depth}${connections === undefined ? "" : `, ${count(connections)} connections`}`,
    ...rows.map((row) => `${row.frameworkName ?? row.name}: ${row.shape.join("×")}, scale ${brief(row.scale)}`),
  ];
  return facts.join("\n");
}
