import type { Dataflow } from "../../../graph/dataflow.js";
import type { Model } from "../../../graph/model.js";
import type { Layer, Parameter } from "../layers.js";

/** What there is to recover names from. */
export interface NamingContext {
  readonly model: Model;
  readonly dataflow: Dataflow;
  readonly layers: readonly Layer[];
  /** For a parameter that the exporter copied from another one (an untied embedding): that other parameter. */
  readonly original: ReadonlyMap<Parameter, Parameter>;
}

/** Names of parameters where the model was made. */
export interface FrameworkNames {
  /**
   * None: unknown. One: known. Several: the file keeps in one tensor what are several there (the two biases of an LSTM).
   */
  readonly of: ReadonlyMap<Parameter, readonly string[]>;
  /** For a parameter whose name is not known: the only names that it can have. */
  readonly candidatesOf: ReadonlyMap<Parameter, readonly string[]>;
}

/** How the exporter of a model writes names, and how to read them back. */
export interface ExporterNaming {
  /** Whether the exporter itself made up this initializer's name, because it computed or merged the tensor. */
  readonly isMadeUp: (name: string) => boolean;
  /**
   * The names of all parameters that the framework had, where the file lists them: what is made up and no weight then is
   * none. Undefined where it does not.
   */
  readonly listed: readonly string[] | undefined;
  /** Initializers that the framework does not train. */
  readonly buffers: ReadonlySet<string>;
  readonly recover: (context: NamingContext) => FrameworkNames;
}

/** The naming of one exporter, for a model that it wrote; undefined for any other. */
export type Exporter = (model: Model) => ExporterNaming | undefined;

/** Every parameter with its layer. */
export function parametersOf(layers: readonly Layer[]): readonly { layer: Layer; parameter: Parameter }[] {
  return layers.flatMap((layer) => layer.parameters.map((parameter) => ({ layer, parameter })));
}
