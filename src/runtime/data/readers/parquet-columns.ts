import type { SchemaElement, SchemaTree } from "hyparquet";
import type { SourceColumn } from "../source.js";

/** A column of a Parquet file that can be read, or why it cannot. */
export type ParquetColumn = ReadableColumn | { readonly name: string; readonly refusal: string };

/** A column of plain values, or of lists of numbers. */
export interface ReadableColumn {
  readonly name: string;
  readonly kind: SourceColumn["kind"];
  readonly isList: boolean;
  /** Digits after the point, of decimal numbers. */
  readonly scale: number | undefined;
  /** Levels of optional and repeated fields on the way to a value. */
  readonly definition: number;
  readonly repetition: number;
  readonly boolean: boolean;
}

/** No number or text takes more. */
const LONGEST_FIXED = 64;

/** What a top-level field of the schema is, as a column. */
export function parquetColumn(field: SchemaTree): ParquetColumn {
  const { name } = field.element;
  const path = leafPath(field);
  const leaf = path?.at(-1);
  if (path === undefined || leaf === undefined) {
    return { name, refusal: "is nested; only numbers, text and lists of numbers can be read" };
  }
  const kind = kindOf(leaf);
  if (typeof kind !== "string") return { name, refusal: kind.refusal };
  const isList = path.length > 1;
  if (isList && kind === "text") return { name, refusal: "has lists of text; only lists of numbers can be read" };
  return {
    name,
    kind,
    isList,
    scale: leaf.converted_type === "DECIMAL" ? (leaf.scale ?? 0) : undefined,
    definition: path.filter((element) => element.repetition_type !== "REQUIRED").length,
    repetition: path.filter((element) => element.repetition_type === "REPEATED").length,
    boolean: leaf.type === "BOOLEAN",
  };
}

/** From the field to its values: itself, or a list as Parquet's format has them, of a repeated group of one element. */
function leafPath(field: SchemaTree): readonly SchemaElement[] | undefined {
  const { element, children } = field;
  if (element.repetition_type === "REPEATED") return undefined;
  if (children.length === 0) return [element];
  const [group] = children;
  const [item] = group?.children ?? [];
  const isList =
    element.converted_type === "LIST" &&
    children.length === 1 &&
    group?.element.repetition_type === "REPEATED" &&
    group.children.length === 1 &&
    item?.children.length === 0 &&
    item.element.repetition_type !== "REPEATED";
  return isList && group !== undefined && item !== undefined ? [element, group.element, item.element] : undefined;
}

function kindOf({
  type,
  type_length,
  converted_type,
  logical_type,
}: SchemaElement): SourceColumn["kind"] | { refusal: string } {
  const logical = logical_type?.type;
  const isInteger = logical === "INTEGER" || /^U?INT_\d+$/.test(converted_type ?? "INT_0");
  const isPlain = logical === undefined && converted_type === undefined;
  if (converted_type === "DECIMAL" && (type_length ?? 0) <= LONGEST_FIXED) return "float64";
  if (type === "INT96" || /DATE|TIME|INTERVAL/.test(`${logical} ${converted_type}`)) {
    return { refusal: "holds dates or times; write them as numbers" };
  }
  switch (type) {
    case "BOOLEAN":
    case "DOUBLE":
      return "float64";
    case "FLOAT":
      return "float32";
    case "INT32":
      if (isInteger) return "float64";
      break;
    case "INT64":
      if (isInteger) return "int64";
      break;
    case "BYTE_ARRAY":
      if (isPlain || converted_type === "UTF8" || logical === "STRING" || converted_type === "ENUM") return "text";
      break;
    case "FIXED_LEN_BYTE_ARRAY":
      if (logical === "FLOAT16" && type_length === 2) return "float32";
      if (logical === "UUID" && type_length === 16) return "text";
      break;
    default:
  }
  return { refusal: "holds neither numbers nor text" };
}
