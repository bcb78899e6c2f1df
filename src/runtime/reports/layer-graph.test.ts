import { describe, expect, it } from "vitest";
import { layerGraph } from "./layer-graph.js";
import { drawnLayers } from "./drawn-layers.js";
import { scaled } from "./testing/reports.js";

/** Edges by the names of layers, and by the operators of joins with a number. */
function edgesOf(name: string): readonly string[] {
  const { layers, table } = scaled(name);
  const drawn = drawnLayers(layers, table);
  const graph = layerGraph(layers);
  const names = graph.nodes.map((node, index) => {
    if (node.kind === "layer") return drawn[node.layer]?.name ?? "";
    const number = graph.nodes.slice(0, index).filter(({ kind }) => kind === "join").length;
    return `${node.op} ${number}`;
  });
  expect(graph.nodes.filter(({ kind }) => kind === "layer")).toHaveLength(layers.length);
  expect(graph.edges.every(({ from, to }) => from < to)).toBe(true);
  return graph.edges.map(({ from, to }) => `${names[from]} > ${names[to]}`);
}

const joins = (edges: readonly string[], op: string) =>
  new Set(edges.map((edge) => edge.split(" > ")[1] ?? "").filter((to) => to.startsWith(`${op} `))).size;

describe("the graph of layers", () => {
  it("of a chain is the chain", () => {
    expect(edgesOf("mlp.torchscript")).toEqual(["fc1 > fc2", "fc2 > fc3"]);
  });

  it.each(["resnet18.torchscript", "resnet18.training"])("has the residual sums and shortcuts of %s", (name) => {
    const edges = edgesOf(name);
    // Eight blocks; the sum of the last one leads to the classifier.
    expect(joins(edges, "Add")).toBe(8);
    expect(edges).toContain("conv1 > layer1.0.conv1");
    expect(edges).toContain("conv1 > Add 0");
    expect(edges).toContain("layer1.0.conv2 > Add 0");
    expect(edges).toContain("Add 1 > layer2.0.conv1");
    expect(edges).toContain("Add 1 > layer2.0.downsample.0");
    expect(edges).toContain("layer2.0.downsample.0 > Add 2");
    expect(edges).not.toContain("Add 1 > Add 2");
    expect(edges.at(-1)).toBe("Add 7 > fc");
  });

  it("has the four long connections of a U-Net", () => {
    const edges = edgesOf("unet.torchscript");
    expect(joins(edges, "Concat")).toBe(4);
    expect(edges).toContain("inc.double_conv.3 > Concat 3");
    expect(edges).toContain("up4.up > Concat 3");
    expect(edges).toContain("Concat 3 > up4.conv.double_conv.0");
  });

  it("has two sums for each block of a transformer, and none where queries, keys and values are of one layer", () => {
    const edges = edgesOf("vit.dynamo");
    expect(edges).toContain("pos_embed > blocks.0.norm1");
    expect(edges).toContain("blocks.0.norm1 > blocks.0.attn.qkv");
    expect(edges).toContain("blocks.0.attn.qkv > blocks.0.attn.proj");
    expect(edges).toContain("pos_embed > Add 0");
    expect(edges).toContain("blocks.0.attn.proj > Add 0");
  });
});
