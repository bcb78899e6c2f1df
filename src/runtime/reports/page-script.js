/**
 * The script of a report: it draws the charts, sorts and filters the table of scales, and says what the heat map shows under the
 * pointer. It is copied into the page; everything else is there without it.
 */

/** @import { Chart, Page, PageElement } from "./page-dom.js" */
/** @import { ChartDescription, ReportData } from "./report-data.js" */

// oxlint-disable-next-line no-unsafe-type-assertion -- a page is not the process that this file is checked for
const page = /** @type {Page} */ (/** @type {unknown} */ (globalThis));
const { document } = page;
const root = document.documentElement;

// oxlint-disable-next-line no-unsafe-type-assertion -- the report that holds this script wrote it
const data = /** @type {ReportData} */ (JSON.parse(document.querySelector("#data")?.textContent ?? "{}"));

/** @param {number | null | undefined} value */
function written(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(3);
  return String(Number(value.toPrecision(4)));
}

/** @param {string} name */
function color(name) {
  return page.getComputedStyle(root).getPropertyValue(`--${name}`).trim();
}

/** @param {string} of  @param {number} percent */
function paler(of, percent) {
  return `color-mix(in srgb, ${of} ${percent}%, transparent)`;
}

/** 1, 2 and 5 times powers of ten; evenly spaced numbers where too few of those are in the range. */
/** @param {unknown} _chart  @param {number} _axis  @param {number} least  @param {number} most */
function logarithmicTicks(_chart, _axis, least, most) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power += 1) {
    for (const factor of [1, 2, 5]) ticks.push(factor * 10 ** power);
  }
  const inside = ticks.filter((tick) => tick >= least && tick <= most);
  if (inside.length > 12) return inside.filter((tick) => Math.abs(Math.log10(tick) % 1) < 1e-9);
  if (inside.length > 2) return inside;
  const rough = (most - least) / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const first = Math.ceil(least / step);
  return Array.from({ length: Math.floor(most / step) - first + 1 }, (_, index) => (first + index) * step);
}

/** @type {Map<PageElement, Chart>} */
const drawn = new Map();
let isPrinting = false;
/** How lines are dashed, and what the legend calls it. */
const dashes = [
  { line: [], legend: "solid" },
  { line: [7, 4], legend: "dashed" },
  { line: [2, 3], legend: "dotted" },
];

/**
 * Values without neighbours, which no line goes through.
 * @param {readonly (number | null)[]} values
 */
function isolated(values) {
  return [...values.keys()].filter(
    (index) =>
      (values[index] ?? null) !== null && [index - 1, index + 1].every((next) => (values[next] ?? null) === null),
  );
}

/** @param {PageElement} target  @param {ChartDescription} description */
function draw(target, description) {
  drawn.get(target)?.destroy();
  const isLarge = target.classList.contains("large");
  const width = isPrinting ? (isLarge ? 660 : 320) : target.clientWidth;
  const { epochs, series, bands, best } = description;
  const isLogarithmic =
    target.closest("figure, section")?.querySelector("[data-logarithmic]")?.getAttribute("aria-pressed") === "true";
  const [rule, muted] = [color("rule"), color("muted")];
  const axis = {
    stroke: muted,
    font: "12px system-ui, sans-serif",
    grid: { stroke: rule, width: 1 },
    ticks: { show: false },
    border: { show: false },
    gap: 6,
  };
  const last = epochs.at(-1) ?? 1;
  /** @param {Chart} chart */
  const markBest = (chart) => {
    if (best === undefined || epochs.length < 2) return;
    const x = Math.round(chart.valToPos(best, "x", true));
    const { ctx, bbox } = chart;
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.save();
    ctx.strokeStyle = color("best");
    ctx.lineWidth = page.devicePixelRatio;
    ctx.setLineDash([3 * page.devicePixelRatio, 4 * page.devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  };
  const options = {
    width,
    height: isLarge ? 300 : 170,
    padding: [8, 10, 0, 0],
    scales: {
      x: { time: false, range: epochs.length < 2 ? [last - 1, last + 1] : undefined },
      y: isLogarithmic
        ? {
            distr: 3,
            range: (/** @type {unknown} */ _, /** @type {number} */ least, /** @type {number} */ most) => [
              least * 0.92,
              most * 1.08,
            ],
          }
        : {},
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 60,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000],
        size: 30,
        // Of a single epoch the axis goes from the one before to the one after.
        values: (/** @type {unknown} */ _, /** @type {readonly number[]} */ ticks) =>
          ticks.map((tick) => (tick < (epochs[0] ?? 1) || tick > last ? "" : String(tick))),
      },
      {
        ...axis,
        space: 36,
        size: (/** @type {unknown} */ _, /** @type {readonly string[] | null} */ values) =>
          Math.max(28, ...(values ?? []).map((text) => text.length * 7 + 14)),
        values: (/** @type {unknown} */ _, /** @type {readonly (number | null)[]} */ ticks) =>
          ticks.map((tick) => (tick === null ? "" : written(tick))),
        ...(isLogarithmic
          ? { splits: logarithmicTicks, filter: (/** @type {unknown} */ _, /** @type {unknown} */ ticks) => ticks }
          : {}),
      },
    ],
    series: [
      {
        label: "epoch",
        value: (/** @type {unknown} */ _, /** @type {number | null} */ epoch) => String(epoch ?? last),
      },
      ...series.map(({ label, color: name, dash = 0, values, isHidden }) => ({
        label,
        stroke: isHidden === true ? "transparent" : color(name),
        width: isHidden === true ? 0 : 1.75,
        dash: dashes[dash % dashes.length]?.line,
        points: {
          show: isHidden !== true,
          fill: color("paper"),
          filter: () => (isHidden === true ? [] : isolated(values)),
          size: 7,
        },
        value: (
          /** @type {unknown} */ _,
          /** @type {number | null} */ value,
          /** @type {unknown} */ __,
          /** @type {number | null} */ index,
        ) => written(index === null ? values.at(-1) : value),
      })),
    ],
    bands: (bands ?? []).map(({ high, low, color: name }) => ({
      series: [high + 1, low + 1],
      fill: paler(color(name), 20),
    })),
    legend: {
      markers: {
        dash: (/** @type {unknown} */ _, /** @type {number} */ index) =>
          dashes[(series[index - 1]?.dash ?? 0) % dashes.length]?.legend,
      },
    },
    cursor: { y: false, drag: { x: true, y: false }, points: { size: 7 } },
    hooks: { draw: [markBest] },
  };
  const chart = new page.uPlot(
    options,
    [
      epochs,
      ...series.map(({ values }) =>
        values.map((value) => (isLogarithmic && value !== null && value <= 0 ? null : value)),
      ),
    ],
    target,
  );
  drawn.set(target, chart);
  for (const [index, row] of [...target.querySelectorAll(".u-legend .u-series")].entries()) {
    if (index > 0 && series[index - 1]?.isHidden === true) row.hidden = true;
  }
}

function drawAll() {
  for (const target of document.querySelectorAll(".chart")) {
    const description = data.charts.find(({ id }) => id === target.dataset["chart"]);
    if (description !== undefined) draw(target, description);
  }
}

/** What has no number is below all that have. @param {string} key */
function numberOf(key) {
  return key === "" ? -Number.MAX_VALUE : Number(key);
}

/** Sorts by a column; once more in the other direction. Numbers come greatest first. @param {PageElement} header */
function sortBy(header) {
  const table = header.closest("table");
  const body = table?.querySelector("tbody");
  if (table === null || body === null || body === undefined) return;
  const isNumber = header.classList.contains("number");
  const before = header.getAttribute("aria-sort");
  const isAscending = before === null ? !isNumber : before === "descending";
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
  /** @param {PageElement} row */
  const key = (row) => {
    const cell = [...row.querySelectorAll("th, td")][header.cellIndex];
    return cell?.dataset["value"] ?? cell?.textContent ?? "";
  };
  const rows = [...body.querySelectorAll("tr")].map((row) => ({ row, key: key(row) }));
  const direction = isAscending ? 1 : -1;
  rows.sort(
    (a, b) =>
      direction * (isNumber ? numberOf(a.key) - numberOf(b.key) : a.key.localeCompare(b.key, "en", { numeric: true })),
  );
  body.append(...rows.map(({ row }) => row));
}

/** @param {PageElement} map */
function readHeatMap(map) {
  const norms = data.gradientNorms;
  const drawing = map.querySelector("svg[data-cell]");
  const readout = map.querySelector("output");
  if (norms === undefined || drawing === null || readout === null) return;
  const {
    left = 0,
    cell = 1,
    row = 1,
    top = 0,
  } = Object.fromEntries(Object.entries(drawing.dataset).map(([name, value]) => [name, Number(value)]));
  const measure = map.dataset["measure"] === "relative" ? "relative" : "gradient";
  const viewWidth = Number(drawing.getAttribute("width"));
  drawing.addEventListener("pointermove", ({ clientX, clientY }) => {
    const box = drawing.getBoundingClientRect();
    const zoom = viewWidth / box.width;
    const column = Math.floor(((clientX - box.left) * zoom - left) / cell);
    const layer = norms.layers[Math.floor(((clientY - box.top) * zoom - top) / row)];
    const epoch = norms.epochs[column];
    const isOutside = layer === undefined || epoch === undefined;
    readout.textContent = isOutside ? "" : `${layer.name}, epoch ${epoch}: ${written(layer[measure][column])}`;
  });
  drawing.addEventListener("pointerleave", () => {
    readout.textContent = "";
  });
}

for (const button of document.querySelectorAll("[data-logarithmic]")) {
  button.hidden = button.closest("figure")?.querySelector(".chart") === null;
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
    drawAll();
  });
}
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const header = button.closest("th");
    if (header !== null) sortBy(header);
  });
}
for (const field of document.querySelectorAll("input[type=search]")) {
  field.hidden = false;
  const rows = [...document.querySelectorAll("#scales tbody tr")];
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !(row.textContent ?? "").toLowerCase().includes(wanted);
  });
}
for (const map of document.querySelectorAll(".heat")) readHeatMap(map);

drawAll();
let width = root.clientWidth;
new page.ResizeObserver(() => {
  if (root.clientWidth === width || isPrinting) return;
  width = root.clientWidth;
  drawAll();
}).observe(root);
page.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
page.addEventListener("beforeprint", () => {
  isPrinting = true;
  root.classList.add("on-paper");
  drawAll();
});
page.addEventListener("afterprint", () => {
  isPrinting = false;
  root.classList.remove("on-paper");
  drawAll();
});
