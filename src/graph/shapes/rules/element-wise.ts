import { type DataType, isFloatingPoint } from "../../data-type.js";
import { integerAttribute } from "../../model.js";
import {
  absolute,
  ceilingOf,
  type Combination,
  difference,
  type Element,
  type ElementFunction,
  floorOf,
  greatest,
  heldBy,
  isEqual,
  isLess,
  negated,
  power,
  productIn,
  quotientIn,
  remainderIn,
  roundedToEven,
  signOf,
  smallest,
  strict,
  sumIn,
} from "../element-arithmetic.js";
import { elementsAt, followedShape, knownOf, knownOrNulls, offsetOf } from "../elements.js";
import { type Extent, maximum, minimum, multiply } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRule, ShapeRules } from "../shape-rule.js";
import { broadcastShapes, commonType } from "../shape-math.js";

/** Y has the type and shape of the first input. */
function likeInput({ input }: ShapeContext): readonly Facts[] {
  const { dataType, shape } = input(0);
  return [tensorFacts(dataType, shape)];
}

/** Y has the type and shape of the first input, its elements are computed one by one. */
function unary(apply: (x: Extent) => Element): ShapeRule {
  return ({ input }) => {
    const { dataType, shape } = input(0);
    const elements = knownOf(input(0))?.map((x) => heldBy(dataType, x === null ? null : apply(x)));
    return [tensorFacts(dataType, shape, elements)];
  };
}

/** Y is a boolean for each element of the first input. */
function test({ shape }: ShapeContext): readonly Facts[] {
  return [tensorFacts("bool", shape(0))];
}

/** The operands broadcast against each other; elements of the result are computed from theirs. */
function broadcast(
  { fail }: ShapeContext,
  dataType: DataType,
  operands: readonly Facts[],
  combination?: Combination,
): Facts {
  const shape = broadcastShapes(
    operands.map((operand) => operand.shape),
    { fail },
  );
  if (combination === undefined || followedShape(shape) === undefined) return tensorFacts(dataType, shape);
  const elements = operands.map(knownOrNulls);
  const elementAt = (index: readonly number[]) =>
    combination(...operands.map((operand, of) => elements[of]?.[offsetOf(operand.shape ?? [], index)] ?? null));
  return tensorFacts(
    dataType,
    shape,
    elementsAt(shape, (index) => heldBy(dataType, elementAt(index))),
  );
}

function operandsOf({ inputs, input }: ShapeContext): readonly Facts[] {
  return inputs.map((_, index) => input(index));
}

/** The inputs have one type, which is the result's. */
function arithmetic(functionFor?: (dataType: DataType, context: ShapeContext) => Combination): ShapeRule {
  return (context) => {
    const operands = operandsOf(context);
    const dataType = commonType(operands, context);
    return [broadcast(context, dataType, operands, functionFor?.(dataType, context))];
  };
}

/** The inputs have one type, the result is boolean. */
function comparison(combination: Combination): ShapeRule {
  return (context) => {
    const operands = operandsOf(context);
    commonType(operands, context);
    return [broadcast(context, "bool", operands, combination)];
  };
}

/** Z has the type of the base; the exponent may have another one. */
function pow(context: ShapeContext): readonly Facts[] {
  const operands = operandsOf(context);
  return [broadcast(context, context.input(0).dataType, operands, strict(power))];
}

function where(context: ShapeContext): readonly Facts[] {
  const [condition, x, y] = [context.input(0), context.input(1), context.input(2)];
  const choose: Combination = (holds = null, ifTrue = null, ifFalse = null) => {
    if (holds === 0 || holds === 1) return holds === 1 ? ifTrue : ifFalse;
    return ifTrue === ifFalse ? ifTrue : null;
  };
  return [broadcast(context, commonType([x, y], context), [condition, x, y], choose)];
}

/** Y = min(max(X, lowest), highest), where the two are scalars and may be omitted. */
function clip(context: ShapeContext): readonly Facts[] {
  const { dataType, shape } = context.input(0);
  const [lowest, highest] = [1, 2].map((index) => {
    const facts = context.inputs[index];
    return facts === undefined ? undefined : (knownOf(facts)?.[0] ?? null);
  });
  if (lowest === null || highest === null) return [tensorFacts(dataType, shape)];
  const clipped = (x: Extent): Extent => {
    const raised = lowest === undefined ? x : maximum(x, lowest);
    return highest === undefined ? raised : minimum(raised, highest);
  };
  const elements = knownOf(context.input(0))?.map((x) => heldBy(dataType, x === null ? null : clipped(x)));
  return [tensorFacts(dataType, shape, elements)];
}

/** a·b; in integers, anything times 0 is 0. */
function times(dataType: DataType): Combination {
  const multiplied = strict(productIn(dataType));
  return (...factors) => (!isFloatingPoint(dataType) && factors.includes(0) ? 0 : multiplied(...factors));
}

const and: Combination = (a = null, b = null) => (a === 0 || b === 0 ? 0 : a === 1 ? b : b === 1 ? a : null);
const or: Combination = (a = null, b = null) => negated(and(negated(a), negated(b)));
const isGreater: ElementFunction = (a = 0, b = 0) => isLess(b, a);

/** Operators that compute element by element, with NumPy's broadcasting where they have several operands. */
export const elementWise: ShapeRules = {
  Abs: unary(absolute),
  Acos: likeInput,
  Acosh: likeInput,
  Asin: likeInput,
  Asinh: likeInput,
  Atan: likeInput,
  Atanh: likeInput,
  BitwiseNot: likeInput,
  Ceil: unary(ceilingOf),
  Celu: likeInput,
  Clip: clip,
  Cos: likeInput,
  Cosh: likeInput,
  Elu: likeInput,
  Erf: likeInput,
  Exp: likeInput,
  Floor: unary(floorOf),
  Gelu: likeInput,
  HardSigmoid: likeInput,
  HardSwish: likeInput,
  IsInf: test,
  IsNaN: test,
  LeakyRelu: likeInput,
  Log: likeInput,
  Mish: likeInput,
  Neg: unary((x) => multiply(x, -1)),
  Not: unary(negated),
  Reciprocal: unary((x) => (typeof x === "number" ? 1 / x : null)),
  Relu: unary((x) => maximum(x, 0)),
  Round: unary(roundedToEven),
  Selu: likeInput,
  Shrink: likeInput,
  Sigmoid: likeInput,
  Sign: unary(signOf),
  Sin: likeInput,
  Sinh: likeInput,
  Softplus: likeInput,
  Softsign: likeInput,
  Sqrt: unary((x) => (typeof x === "number" ? Math.sqrt(x) : null)),
  Swish: likeInput,
  Tan: likeInput,
  Tanh: likeInput,
  ThresholdedRelu: likeInput,

  Add: arithmetic((dataType) => strict(sumIn(dataType))),
  BitShift: arithmetic(),
  BitwiseAnd: arithmetic(),
  BitwiseOr: arithmetic(),
  BitwiseXor: arithmetic(),
  Div: arithmetic((dataType) => strict(quotientIn(dataType))),
  Max: arithmetic(() => strict(greatest)),
  Mean: arithmetic(),
  Min: arithmetic(() => strict(smallest)),
  Mod: arithmetic((dataType, { node }) => strict(remainderIn(dataType, integerAttribute(node, "fmod", 0) === 1))),
  Mul: arithmetic(times),
  // The runtime broadcasts X to the slope, too.
  PRelu: arithmetic(),
  Pow: pow,
  Sub: arithmetic(() => strict(difference)),
  Sum: arithmetic((dataType) => strict(sumIn(dataType))),
  Where: where,

  And: comparison(and),
  Equal: comparison(strict(isEqual)),
  Greater: comparison(strict(isGreater)),
  GreaterOrEqual: comparison((a = null, b = null) => negated(strict(isLess)(a, b))),
  Less: comparison(strict(isLess)),
  LessOrEqual: comparison((a = null, b = null) => negated(strict(isGreater)(a, b))),
  Or: comparison(or),
  Xor: comparison((a = null, b = null) => (a === null || b === null ? null : isEqual(a, b) === 1 ? 0 : 1)),
};
