import type { Attribute } from "./model.js";
import { rawBytes, type Tensor } from "./tensor.js";

/** What an operator is applied to. */
export interface Application {
  readonly opType: string;
  readonly domain: string;
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** undefined for omitted optional inputs. */
  readonly inputs: readonly ({ readonly name: string } | undefined)[];
}

/** Larger constants are not compared. */
const MOST_BYTES_COMPARED = 1024;

/** The same for constants that are equal; undefined for large ones. */
export function constantKey(tensor: Tensor): string | undefined {
  const { dataType, shape, payload } = tensor;
  const size = payload.kind === "raw" ? payload.range.length : Infinity;
  if (size > MOST_BYTES_COMPARED) return undefined;
  return `${dataType}[${shape.join(",")}]${Buffer.from(rawBytes(tensor)).toString("latin1")}`;
}

/** Operators that give something else each time. */
const random: ReadonlySet<string> = new Set(
  "RandomNormal RandomUniform RandomNormalLike RandomUniformLike Multinomial Bernoulli Dropout".split(" "),
);

/** Whether an operator may give something else each time. */
export function isRandom({ opType, domain }: Pick<Application, "opType" | "domain">): boolean {
  return domain === "" && random.has(opType);
}

/** The same for applications that give the same; undefined where that cannot be told. */
export function emissionKey(application: Application): string | undefined {
  if (isRandom(application)) return undefined;
  const { opType, domain, attributes, inputs } = application;
  const parts = [domain, opType, ...withoutTrailing(inputs.map((input) => input?.name ?? ""))];
  for (const name of [...attributes.keys()].toSorted()) {
    const attribute = attributes.get(name);
    const key = attribute === undefined ? undefined : attributeKey(attribute);
    if (key === undefined) return undefined;
    parts.push(name, key);
  }
  return JSON.stringify(parts);
}

function attributeKey(attribute: Attribute): string | undefined {
  switch (attribute.kind) {
    case "float":
      return `float ${numberKey(attribute.value)}`;
    case "int":
      return `int ${attribute.value}`;
    case "string":
      return `string ${Buffer.from(attribute.value).toString("latin1")}`;
    case "floats":
      return `floats ${attribute.value.map(numberKey).join(" ")}`;
    case "ints":
      return `ints ${attribute.value.join(" ")}`;
    case "strings":
      return JSON.stringify(attribute.value.map((text) => Buffer.from(text).toString("latin1")));
    case "tensor":
      return constantKey(attribute.value);
    default:
      return undefined;
  }
}

/** -0 is another number than 0. */
function numberKey(number: number): string {
  return Object.is(number, -0) ? "-0" : String(number);
}

/** Optional inputs at the end are left out, not written as empty names. */
export function withoutTrailing(names: readonly string[]): readonly string[] {
  return names.slice(0, names.findLastIndex((name) => name !== "") + 1);
}
