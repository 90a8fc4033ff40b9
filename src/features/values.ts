/** Raw JavaScript values as numbers and lists, with the meanings that files have. */

const DECIMAL = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

/** The number that a value says, `undefined` for a missing one, NaN for what is not a number. */
export function numberValue(value: unknown): number | undefined {
  switch (typeof value) {
    case "number":
      return value;
    case "bigint":
      return Number(value);
    case "boolean":
      return value ? 1 : 0;
    case "string":
      if (value.trim() === "") return undefined;
      return DECIMAL.test(value) ? Number(value) : Number.NaN;
    default:
      return value === null || value === undefined ? undefined : Number.NaN;
  }
}

/** The elements of a list, of text with separators, or of a lone value; `undefined` for a missing list. */
export function listValue(value: unknown, separator: string): ArrayLike<unknown> | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string") return value.split(separator);
  return isList(value) ? value : [value];
}

/** The elements of a list of numbers, or of text with separators; blank text is a missing list. */
export function vectorValue(value: unknown, separator: string): unknown {
  if (typeof value !== "string") return value ?? undefined;
  return value.trim() === "" ? undefined : value.split(separator);
}

export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}
