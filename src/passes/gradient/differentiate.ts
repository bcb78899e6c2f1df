import { isFloatingPoint } from "../../graph/data-type.js";
import type { Emission, Value } from "../../graph/emitter.js";
import { firstNames, InputError } from "../../graph/errors.js";
import { describeNode, operatorName } from "../../graph/model.js";
import type { Operators } from "../../graph/operators.js";
import { type Differentiation, noGradient } from "./rule.js";
import { gradientRules } from "./rules/index.js";
import { sumOfGradients } from "./sum-of-gradients.js";

/**
 * Reverse-mode differentiation: emits the nodes that compute the gradients of a loss, after the nodes that compute the
 * loss. Only what is needed is emitted: nothing behind a value that does not depend on `towards`.
 * @returns the gradients, in the order of `towards`; undefined for values that the loss does not depend on
 * @throws InputError for an operator without a rule between the loss and one of the values
 */
export function differentiate(g: Operators, differentiation: Differentiation): readonly (Value | undefined)[] {
  const { seeds, towards } = differentiation;
  const { emissions } = g.emitter;
  const forward = [...emissions];
  const dependent = dependentValues(forward, towards);
  const contributions = new Map<string, Value[]>();
  const contribute = (value: Value, gradient: Value) => {
    const list = contributions.get(value.name);
    if (list === undefined) contributions.set(value.name, [gradient]);
    else list.push(gradient);
  };
  const total = (value: Value | undefined): Value | undefined => {
    const list = value === undefined ? undefined : contributions.get(value.name);
    if (value === undefined || list === undefined) return undefined;
    const sum = sumOfGradients(g, list);
    contributions.set(value.name, [sum]);
    return sum;
  };
  for (const { value, gradient } of seeds) contribute(value, gradient);
  for (const emission of forward.toReversed()) {
    const isOnTheWay = emission.outputs.some(
      (output) => output !== undefined && dependent.has(output.name) && contributions.has(output.name),
    );
    if (!isOnTheWay) continue;
    g.emitter.scoped(scopeOf(emission.node.name), () => {
      const gradients = emission.outputs.map(total);
      for (const { input, gradient } of inputGradients(g, emission, gradients, dependent, differentiation)) {
        contribute(input, gradient);
      }
    });
  }
  return towards.map((value) => g.emitter.scoped(scopeOf(value.name), () => total(value)));
}

/** The values that change smoothly with those: the gradient has to pass them. */
function dependentValues(emissions: readonly Emission[], towards: readonly Value[]): ReadonlySet<string> {
  const dependent = new Set(towards.map(({ name }) => name));
  for (const { node, inputs, captures, outputs } of emissions) {
    const isDependent = [...inputs, ...captures].some((input) => input !== undefined && dependent.has(input.name));
    if (!isDependent || ruleOf(node) === noGradient) continue;
    for (const output of outputs) if (output !== undefined && canHaveGradient(output)) dependent.add(output.name);
  }
  return dependent;
}

function* inputGradients(
  g: Operators,
  emission: Emission,
  gradients: readonly (Value | undefined)[],
  dependent: ReadonlySet<string>,
  { towards, channelBlock }: Differentiation,
): Generator<{ readonly input: Value; readonly gradient: Value }> {
  const { node, outputs, captures } = emission;
  const rule = ruleOf(node);
  const inputs = Array.from(
    { length: Math.max(emission.inputs.length, rule?.arity ?? 0) },
    (_, i) => emission.inputs[i],
  );
  const all = [...inputs, ...captures];
  if (rule === undefined) throw withoutRule(emission, dependent, towards, g);
  const missing = inputs.findIndex((input, index) => index < rule.arity && input === undefined);
  if (missing >= 0) throw new InputError(describeNode(node), `lacks its input ${missing}`);
  // Where the first output is omitted, no rule uses it: those of operators with several outputs use the list.
  const Y = outputs.find((output) => output !== undefined) ?? g.unreachable(node.opType);
  const needs = (index: number) => {
    const input = all[index];
    return input !== undefined && dependent.has(input.name) && canHaveGradient(input);
  };
  const context = { g, node, emission, inputs, outputs, gradients, captures, needs, Y, differentiate, channelBlock };
  const found = rule.gradients({
    ...context,
    get dY() {
      return gradients[0] ?? g.zerosLike(Y);
    },
  });
  for (const [index, input] of all.entries()) {
    const gradient = found[index];
    if (input !== undefined && gradient !== undefined && gradient !== false && needs(index)) yield { input, gradient };
  }
}

/** Names of nodes that gradients are made of say of what they are. */
function scopeOf(name: string): string {
  return name.startsWith("/") ? `gradient${name}` : `gradient/${name}`;
}

function ruleOf({ domain, opType }: Emission["node"]) {
  return domain === "" ? gradientRules.get(opType) : undefined;
}

/** Gradients exist for real numbers; where the type is not known, an operator without rule stops later. */
function canHaveGradient({ dataType, container }: Value): boolean {
  return isFloatingPoint(dataType) || dataType === "undefined" || container !== undefined;
}

function withoutRule(
  { node, outputs }: Emission,
  dependent: ReadonlySet<string>,
  towards: readonly Value[],
  g: Operators,
): InputError {
  const behind = new Set(outputs.flatMap((output) => output?.name ?? []));
  for (const { inputs, captures, outputs: made } of g.emitter.emissions.toReversed()) {
    if (!made.some((output) => output !== undefined && behind.has(output.name))) continue;
    for (const input of [...inputs, ...captures])
      if (input !== undefined && dependent.has(input.name)) behind.add(input.name);
  }
  const cutOff = towards.filter(({ name }) => behind.has(name)).map(({ name }) => name);
  return new InputError(
    describeNode(node),
    `there is no gradient rule for the operator ${operatorName(node)}, behind which are ${firstNames(cutOff)}`,
    "leave them as they are with --freeze",
  );
}
