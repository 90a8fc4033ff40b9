/** Converts raw JavaScript values to numbers and lists, with the same meaning as values in files. */

const DECIMAL = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

/** Converts a value to a number; `undefined` if it is missing, NaN if it is not a number. */
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

/** The elements of a list, of separated text, or of a single value; `undefined` if the list is missing. */
export function listValue(value: unknown, separator: string): ArrayLike<unknown> | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string") return value.split(separator);
  return isList(value) ? value : [value];
}

/** The elements of a list of numbers, or of separated text; blank text is a missing list. */
export function vectorValue(value: unknown, separator: string): unknown {
  if (typeof value !== "string") return value ?? undefined;
  return value.trim() === "" ? undefined : value.split(separator);
}

export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}
