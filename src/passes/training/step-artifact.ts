import { Emitter } from "../../graph/emitter.js";
import { declaredInputs } from "../../graph/replay.js";
import { type Artifact, artifactOf, type Port, portKey, portsOf, replayed } from "./artifact.js";

/** From a batch and all state to the loss and the new state: `gradient` and `update` in one. */
export function stepArtifact(gradient: Artifact, update: Artifact): Artifact {
  const emitter = Emitter.into(gradient.graph);
  const ofGradient = declaredInputs(gradient.graph, emitter);
  const computed = replayed(gradient.graph, emitter, ofGradient);
  const gradientInputs = portsOf(gradient.contract.inputs, ofGradient);
  const gradientOutputs = portsOf(gradient.contract.outputs, computed);

  // What the update shares with the gradient, by role and parameter; everything else it is fed with.
  const shared = new Map(
    [...gradientInputs, ...gradientOutputs].flatMap(({ role, of, value }) =>
      role === "parameter" || role === "gradient" ? [[portKey({ role, of }), value]] : [],
    ),
  );
  const fed = update.contract.inputs.map(({ name, role, of, dtype, shape }) => {
    const known = shared.get(portKey({ role, of }));
    if (known !== undefined) return { name, role, of, value: known, isNew: false };
    const dataType = dtype === "float64" ? dtype : "float32";
    return { name, role, of, value: emitter.newInput(name, { dataType, shape: shape ?? undefined }), isNew: true };
  });
  const values = replayed(update.graph, emitter, new Map(fed.map(({ name, value }) => [name, value])));
  const ofUpdate = fed.flatMap(({ isNew, value, role, of }): Port[] =>
    isNew ? [{ name: value.name, role, of, value }] : [],
  );
  return artifactOf(
    "step",
    emitter,
    [...gradientInputs, ...ofUpdate],
    [...gradientOutputs.filter(({ role }) => role !== "gradient"), ...portsOf(update.contract.outputs, values)],
  );
}
