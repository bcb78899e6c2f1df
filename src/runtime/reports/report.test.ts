import { describe, expect, it } from "vitest";
import { epochEvent, startEvent } from "./testing/events.js";
import { comparison, reportInput } from "./testing/reports.js";
import { report } from "./report.js";
import type { ReportData } from "./report-data.js";

const withoutEnd = new Set(["meta", "link", "input", "br"]);

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
    expect(compared).toEqual({ verdict: comparison.verdict, columns: comparison.columns, rows: comparison.rows });
    expect(charts.map(({ id }) => id)).toEqual(["loss", "metric-0", "metric-1", "learning-rate", "comparison"]);
    expect(charts[0]).toMatchObject({
      epochs: [1, 2, 3, 4],
      best: 4,
      series: [{ values: [0.6, 0.3, 0.6 / 3, 0.15] }, {}],
    });
    expect(charts[2]).toMatchObject({ title: "r²", series: [{ values: [0.6, 0.8, 1 - 0.4 / 3, 0.9] }] });
    expect(charts[4]).toMatchObject({
      epochs: [1, 2, 3],
      series: [
        { label: "adam" },
        { label: "multiplicative", values: [1, 0.45, null] },
        { values: [0.9, 0.4, 0.3] },
        {},
      ],
      bands: [{ low: 2, high: 3 }],
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
      comparison: { verdict: hostile, columns: [hostile, hostile], rows: [[hostile, hostile]] },
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
