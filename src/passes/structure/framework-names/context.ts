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

/**
 * The names that a parameter has where the model was made. None: unknown. One: known. Several: the file keeps what are
 * several there in one tensor (the two biases of an LSTM), or they are the only names that it can have.
 */
export type FrameworkNames = ReadonlyMap<Parameter, readonly string[]>;

/** How the exporter of a model writes names, and how to read them back. */
export interface ExporterNaming {
  /** Whether the exporter itself made up this initializer's name, because it computed or merged the tensor. */
  readonly isMadeUp: (name: string) => boolean;
  /** Whether the file says which of its tensors are parameters: what is made up and no weight then is none. */
  readonly listsParameters: boolean;
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
