import type { Operation, Value } from "../../graph/dataflow.js";
import type { Node } from "../../graph/model.js";
import { isKnownDomain, type ParameterRole } from "./kernel-operators.js";
import { isRearrangement } from "./weight-view.js";

/** An operator that normalizes its first input and then scales and shifts it by parameters. */
export interface NormalizationOperator {
  readonly parameters: readonly { readonly input: number; readonly role: ParameterRole }[];
  /** Whether what it normalizes is its first input alone, and not a sum that the operator makes itself. */
  readonly ofFirstInput: boolean;
}

const scaleAndBias = (scale: number, shift: number): NormalizationOperator["parameters"] => [
  { input: scale, role: "norm-scale" },
  { input: shift, role: "norm-bias" },
];

const operators: ReadonlyMap<string, NormalizationOperator> = new Map<string, NormalizationOperator>([
  ["BatchNormalization", { parameters: scaleAndBias(1, 2), ofFirstInput: true }],
  ["InstanceNormalization", { parameters: scaleAndBias(1, 2), ofFirstInput: true }],
  ["GroupNormalization", { parameters: scaleAndBias(1, 2), ofFirstInput: true }],
  ["GroupNorm", { parameters: scaleAndBias(1, 2), ofFirstInput: true }],
  ["LayerNormalization", { parameters: scaleAndBias(1, 2), ofFirstInput: true }],
  ["RMSNormalization", { parameters: [{ input: 1, role: "norm-scale" }], ofFirstInput: true }],
  ["SimplifiedLayerNormalization", { parameters: [{ input: 1, role: "norm-scale" }], ofFirstInput: true }],
  ["SkipLayerNormalization", { parameters: [...scaleAndBias(2, 3), { input: 4, role: "bias" }], ofFirstInput: false }],
  [
    "SkipSimplifiedLayerNormalization",
    {
      parameters: [
        { input: 2, role: "norm-scale" },
        { input: 3, role: "bias" },
      ],
      ofFirstInput: false,
    },
  ],
]);

/** The normalization that a node is, if it is one. */
export function normalizationOperator(node: Node): NormalizationOperator | undefined {
  return isKnownDomain(node.domain) ? operators.get(node.opType) : undefined;
}

/** Inputs of a BatchNormalization that are running statistics: buffers, not parameters. */
export function bufferInputs(node: Node): readonly number[] {
  return node.opType === "BatchNormalization" ? [3, 4] : [];
}

/** A GlobalAveragePool over [N, S, D] is how tf2onnx writes a mean over the last axis. */
const reductions = new Set("ReduceMean ReduceSum ReduceSumSquare ReduceL2 ReduceL1 GlobalAveragePool".split(" "));
/** Each normalization divides by what it measured; a mean alone is a pooling. */
const divisions = new Set(["Div", "Reciprocal", "Sqrt", "ReduceL2", "ReduceL1"]);
const arithmetic = new Set([
  "Add",
  "Sub",
  "Mul",
  "Div",
  "Sqrt",
  "Reciprocal",
  "Pow",
  "Abs",
  "Neg",
  "Max",
  "Clip",
  "Expand",
]);
/** A written-out normalization takes about ten nodes; more than this is something else. */
const MOST_VALUES = 32;

/**
 * The value that a written-out normalization normalizes: x, if `value` is computed from x and constants alone, by
 * arithmetic that contains a reduction and a division, as in (x − mean(x)) / √(var(x) + ε), x / √mean(x²), or
 * 1 / √(var(x) + ε). A normalization operator whose own scale is constant (GroupNormalization by way of
 * InstanceNormalization) counts too. Undefined where `value` is anything else.
 */
export function normalizedInput(value: Value): Value | undefined {
  for (const candidate of behind(value, () => false).values) {
    if (candidate === value || isConstant(candidate)) continue;
    const between = behind(value, (next) => next === candidate);
    if (between.isClosed && between.isNormalization && between.values.has(candidate)) return undone(candidate);
  }
  return undefined;
}

interface Region {
  /** Nearest first. */
  readonly values: ReadonlySet<Value>;
  /** Whether every way back ended at a stop or at a constant. */
  readonly isClosed: boolean;
  readonly isNormalization: boolean;
}

/** What lies behind `value` in arithmetic, up to `isStop` or the first operator that no normalization contains. */
function behind(value: Value, isStop: (next: Value) => boolean): Region {
  const values = new Set([value]);
  let isClosed = true;
  let reduces = false;
  let divides = false;
  for (const next of values) {
    if (isStop(next) || isConstant(next)) continue;
    const inputs = operands(next);
    if (inputs === undefined || values.size > MOST_VALUES) {
      isClosed = false;
      continue;
    }
    for (const input of inputs) values.add(input);
    if (next.origin.kind !== "operation") continue;
    const { operation } = next.origin;
    reduces ||= reductions.has(operation.node.opType) || normalizes(operation);
    divides ||= divisions.has(operation.node.opType) || normalizes(operation);
  }
  return { values, isClosed, isNormalization: reduces && divides };
}

/** The inputs that the arithmetic depends on; undefined for an operator that no normalization contains. */
function operands(value: Value): readonly Value[] | undefined {
  if (value.origin.kind !== "operation") return undefined;
  const { operation } = value.origin;
  const { opType } = operation.node;
  if (isRearrangement(operation) || reductions.has(opType) || normalizes(operation))
    return operation.inputs.slice(0, 1).filter(isPresent);
  return arithmetic.has(opType) ? operation.inputs.filter(isPresent) : undefined;
}

function normalizes({ node }: Operation): boolean {
  return normalizationOperator(node)?.ofFirstInput === true;
}

function isPresent(value: Value | undefined): value is Value {
  return value !== undefined;
}

function isConstant({ origin }: Value): boolean {
  if (origin.kind === "initializer") return true;
  if (origin.kind !== "operation") return false;
  const { opType } = origin.operation.node;
  return opType === "Constant" || opType === "ConstantOfShape" || opType === "Shape";
}

/** The nearest cut is often x², x − mean(x) or a reshaped x: what is normalized is the x in it. */
function undone(value: Value): Value {
  let inner = value;
  for (let next = withoutStep(inner); next !== undefined; next = withoutStep(inner)) inner = next;
  return inner;
}

function withoutStep({ origin }: Value): Value | undefined {
  if (origin.kind !== "operation") return undefined;
  const { operation } = origin;
  const [first, second] = operation.inputs;
  if (first === undefined) return undefined;
  switch (operation.node.opType) {
    case "Sub":
      return isMeanOf(second, first) ? first : undefined;
    case "Pow":
    case "Abs":
      return first;
    case "Mul":
      return first === second ? first : undefined;
    default:
      return isRearrangement(operation) ? first : undefined;
  }
}

function isMeanOf(mean: Value | undefined, value: Value): boolean {
  if (mean?.origin.kind !== "operation") return false;
  const { operation } = mean.origin;
  return reductions.has(operation.node.opType) && operation.inputs[0] === value;
}
