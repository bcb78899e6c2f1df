import { describe, expect, it } from "vitest";
import { epochEvent, startEvent } from "./testing/events.js";
import { sampleStandardDeviation } from "../statistics.js";
import { comparison, comparisonOf, reportInput } from "./testing/reports.js";
import { report } from "./report.js";
import type { ReportData } from "./report-data.js";

const withoutEnd = new Set(["meta", "link", "input", "wbr"]);

/** Elements of a page in their order. Fails for one that is not closed where it should be. */
function elements(page: string): readonly { readonly tag: string; readonly attributes: string }[] {
  const found: { tag: string; attributes: string }[] = [];
  const open: string[] = [];
  let rest = page.replace(/^<!doctype html>/, "");
  for (let next = rest.indexOf("<"); next !== -1; next = rest.indexOf("<")) {
    const [whole, slash, tag, attributes, isEmpty] =
      /^<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/.exec(rest.slice(next)) ?? [];
    if (whole === undefined || tag === undefined) throw new Error(`not a tag: ${rest.slice(next, next + 80)}`);
    rest = rest.slice(next + whole.length);
    if (slash === "/") expect(tag).toBe(open.pop());
    else {
      found.push({ tag, attributes: attributes ?? "" });
      if (isEmpty === "/" || withoutEnd.has(tag)) continue;
      open.push(tag);
      if (tag === "script" || tag === "style") rest = rest.slice(rest.indexOf(`</${tag}>`));
    }
  }
  expect(open).toEqual([]);
  return found;
}

function dataOf(page: string): ReportData {
  const start = page.indexOf(">", page.indexOf('id="data"')) + 1;
  return JSON.parse(page.slice(start, page.indexOf("</script>", start))) as ReportData;
}

const closeTo = (value: number): unknown => expect.closeTo(value, 12);

/** The page without what the installation adds to it: the texts that come from the run. */
const ownText = (page: string) => page.replaceAll(/<(style|script)[^>]*>[^]*?<\/\1>/g, "");

describe("a report", () => {
  it.each([
    ["mlp.torchscript", 20],
    ["mobilenet_v2.torchscript", 3],
    ["bert.dynamo", 1],
    ["llama.torchscript", 0],
  ])("of %s after %i epochs is one page with a place for everything", (name, epochs) => {
    const input = reportInput(name, epochs, { comparison });
    const page = report(input);
    const all = elements(page);
    const ids = all.flatMap(({ attributes }) => / id="([^"]*)"/.exec(attributes)?.[1] ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    expect(all.find(({ tag }) => tag === "html")?.attributes).toContain('lang="en"');
    expect(all.filter(({ tag }) => tag === "title").length).toBeGreaterThan(0);
    expect(ownText(page)).not.toMatch(/undefined|\bNaN|\[object|Infinity/);
    const rows = page.slice(page.indexOf('id="scales"')).match(/<tr>/g);
    expect(rows?.length).toBe(input.table.parameters.length + 1);
    expect(page.match(/data-chart="/g)?.length).toBe(dataOf(page).charts.length);
    expect(page.includes("Gradient norms")).toBe(epochs > 0);
  });

  it("needs nothing from elsewhere", () => {
    const page = report(reportInput("resnet20.torchscript", 2, { comparison }));
    for (const { tag, attributes } of elements(page)) {
      expect(attributes).not.toMatch(/\ssrc=|url\(/);
      if (tag === "link") expect(attributes).toContain('href="data:,"');
    }
    expect(page.match(/https?:\/\/[^\s"'<)]*/g) ?? []).toEqual(
      page.match(/https?:\/\/github\.com\/leeoniya\/uPlot[^\s"'<)]*/g) ?? [],
    );
  });

  it("holds the numbers that it shows", () => {
    const input = reportInput("mlp.torchscript", 4, { comparison });
    const { charts, gradientNorms, table, settings, comparison: compared, title } = dataOf(report(input));
    expect({ table, settings, title }).toEqual({ table: input.table, settings: input.settings, title: input.title });
    expect(compared?.verdict).toEqual(comparison.verdict);
    expect(charts.map(({ id }) => id)).toEqual(["loss", "metric-0", "metric-1", "learning-rate", "comparison"]);
    expect(charts[0]).toMatchObject({
      epochs: [1, 2, 3, 4],
      best: 4,
      series: [{ values: [0.6, 0.3, 0.6 / 3, 0.15] }, {}],
    });
    expect(charts[2]).toMatchObject({ title: "r²", series: [{ values: [0.6, 0.8, 1 - 0.4 / 3, 0.9] }] });
    const deviation = sampleStandardDeviation([0.4, 0.38, 0.39]);
    expect(charts[4]).toMatchObject({
      epochs: [1, 2, 3],
      series: [
        { label: "adam", values: [1.56, 0.78, 0.39].map(closeTo) },
        // The mean of the runs that came to a number.
        { label: "multiplicative", values: [1.54, 0.77, 0.385].map(closeTo) },
        { values: [4, 2, 1].map((times) => closeTo(times * (0.39 - deviation))) },
        { values: [4, 2, 1].map((times) => closeTo(times * (0.39 + deviation))) },
        {},
        {},
      ],
      bands: [
        { low: 2, high: 3 },
        { low: 4, high: 5 },
      ],
    });
    expect(gradientNorms?.layers.map(({ name }) => name)).toEqual(["fc1", "fc2", "fc3"]);
    expect(gradientNorms?.epochs).toEqual([1, 2, 3, 4]);
  });

  it("shows an epoch that was repeated after a resumption once, as it was at last", () => {
    const events = [
      startEvent(),
      ...[1, 2, 3].map((epoch) => epochEvent(epoch)),
      startEvent({ step: 258, epoch: 2 }),
      epochEvent(3, { loss: Number.NaN, isBest: false }),
      epochEvent(4, { loss: 0.1, isBest: false }),
    ];
    const [loss] = dataOf(report(reportInput("mlp.torchscript", 0, { events }))).charts;
    expect(loss).toMatchObject({ epochs: [1, 2, 3, 4], best: 2, series: [{ values: [0.6, 0.3, null, 0.1] }, {}] });
  });

  it("says in words where there is nothing to draw, and what has no value", () => {
    const events = [1, 2].map((epoch) =>
      epochEvent(epoch, { loss: Number.NaN, validationLoss: Number.NaN, metrics: { r2: Number.NaN }, isBest: false }),
    );
    const page = report(reportInput("mlp.torchscript", 0, { events }));
    expect(page.match(/No value in any epoch/g)).toHaveLength(2);
    expect(page.match(/data-chart="/g)).toHaveLength(1);
    expect(ownText(page)).toContain(">n/a<");
    expect(ownText(page)).not.toMatch(/undefined|NaN|Infinity</);
  });

  it("tells the layers of one module apart", () => {
    const { layers } = dataOf(report(reportInput("lstm_classifier.torchscript", 1))).gradientNorms ?? expect.fail();
    expect(layers.map(({ name }) => name)).toEqual(["embedding", "lstm", "lstm (/lstm/LSTM_1)", "fc"]);
  });

  it("writes settings in words", () => {
    const settings = {
      learningRate: 0.1,
      schedule: { name: "cosine", warmUp: { steps: 10 } },
      loss: [{ name: "mse" }],
    };
    const page = report(reportInput("mlp.torchscript", 0, { settings })).replaceAll(/\s+/g, " ");
    expect(page).toContain("<dt>learning rate</dt> <dd>0.1</dd>");
    expect(page).toContain("<dt>schedule</dt> <dd>cosine, warm up steps 10</dd>");
    expect(page).toContain("<dt>loss</dt> <dd>mse</dd>");
  });

  it("compares many variants without bands, in lines that differ", () => {
    const many = Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`variant ${index}`, [1, 2]]));
    const { charts } = dataOf(report(reportInput("mlp.torchscript", 0, { comparison: comparisonOf(many) })));
    expect(charts[0]?.bands).toEqual([]);
    expect(new Set(charts[0]?.series.map(({ color, dash }) => `${color} ${dash}`)).size).toBe(14);
  });

  it("repeats a warning once", () => {
    const warning = { event: "warning", message: "7 rows were left out" } as const;
    const page = report(reportInput("mlp.torchscript", 0, { events: [warning, startEvent(), warning] }));
    expect(page.match(/7 rows were left out/g)).toHaveLength(1);
  });

  it("shows hostile names as text", () => {
    const hostile = `</script><script>alert("1")</script>'"><img src=x onerror=alert(1)>\u202e\u0000`;
    const input = reportInput("mlp.torchscript", 2);
    const rename = (name: string) => `${hostile}${name}`;
    const page = report({
      title: hostile,
      settings: { [hostile]: hostile, list: [hostile], object: { [hostile]: 1 } },
      events: [
        startEvent(),
        epochEvent(1, { metrics: { [hostile]: 1 } }),
        epochEvent(2, { metrics: { [hostile]: 2 } }),
      ],
      layers: input.layers.map((layer) => ({ ...layer, name: rename(layer.name), op: hostile })),
      table: {
        ...input.table,
        model: { ...input.table.model, file: hostile, producer: hostile },
        parameters: input.table.parameters.map((row) => ({
          ...row,
          name: rename(row.name),
          layer: rename(row.layer),
          op: hostile,
          frameworkName: row.depth === 0 ? null : rename(row.name),
        })),
      },
      comparison: comparisonOf({ adam: [1, 2], [hostile]: [1, 2] }, hostile),
    });
    const all = elements(page);
    expect(all.filter(({ tag }) => tag === "script")).toHaveLength(3);
    const names = all.flatMap(({ attributes }) =>
      attributes
        .replaceAll(/"[^"]*"/g, "")
        .trim()
        .split(/=?\s+|=$/),
    );
    expect(names.filter((name) => name.startsWith("on"))).toEqual([]);
    expect(all.filter(({ tag }) => tag === "img")).toEqual([]);
    expect(dataOf(page).title).toBe(hostile);
  });
});
