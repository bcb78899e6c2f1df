import { shapeRules } from "../../graph/shapes/rules/index.js";
import { decompositions } from "./index.js";
import { noGradient } from "../gradient/rule.js";
import { gradientRules } from "../gradient/rules/index.js";

/**
 * How the gradient passes an operator: by a rule of its own; by those of the operators that it is written in; or not at
 * all, as its outputs are integers, truth values or text, or do not change with small changes of its inputs.
 */
export type GradientKind = "rule" | "decomposed" | "both" | "not differentiable";

/** An operator with what becomes of its gradient. */
export interface OperatorCoverage {
  /** With its domain in front, unless that is ai.onnx. */
  readonly operator: string;
  readonly gradient: GradientKind;
}

/**
 * What becomes of the gradient at every operator of ai.onnx (opset 26), and at those of other domains that are known.
 */
export function gradientCoverage(): readonly OperatorCoverage[] {
  const operators = new Set([...shapeRules.keys(), ...gradientRules.keys(), ...decompositions.keys()]);
  return [...operators].toSorted(byDomainAndName).map((operator) => ({ operator, gradient: kindOf(operator) }));
}

function kindOf(operator: string): GradientKind {
  const rule = gradientRules.get(operator);
  const hasRule = rule !== undefined && rule !== noGradient;
  if (decompositions.has(operator)) return hasRule ? "both" : "decomposed";
  return hasRule ? "rule" : "not differentiable";
}

/** Those of ai.onnx first. */
function byDomainAndName(a: string, b: string): number {
  return Number(a.includes(".")) - Number(b.includes(".")) || (a < b ? -1 : 1);
}
