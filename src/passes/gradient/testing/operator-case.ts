import type { AttributeInputs } from "../../../graph/builder.js";
import type { DataType } from "../../../graph/data-type.js";

/** One application of an operator, to be differentiated in a test. */
export interface OperatorCase {
  readonly op: string;
  readonly domain?: string;
  readonly attributes?: AttributeInputs;
  /** null for omitted optional inputs. */
  readonly inputs: readonly (OperandCase | null)[];
  /** How many outputs; by default one. Those of real numbers are differentiated. */
  readonly outputs?: number;
  /** The runtime cannot run it as it is: what it is decomposed into is measured. */
  readonly isWithoutKernel?: boolean;
  /** The runtime computes it in float32 whatever its type. */
  readonly isSinglePrecision?: boolean;
}

/** A parameter gets a gradient, `data` is fed without one, a constant is an initializer. */
export interface OperandCase {
  readonly role: "parameter" | "data" | "constant";
  /** "float" is float64 where the runtime has kernels for it, else float32. */
  readonly dataType: DataType | "float";
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** Axes whose extents the graph does not know. */
  readonly symbolic?: readonly number[];
}
