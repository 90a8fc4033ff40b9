import { canonicalText } from "./canonical.js";
import { Refusal, type RefusalCode } from "./refusal.js";
import type { InputSource } from "./schema/derived-fields.js";
import { isList, numberValue } from "./values.js";

/** The inputs of derived features. */

/** A resolved input of a derived feature. Plain JSON, saved with the fitted features. */
export type Input = InputOrigin & {
  /**
   * `texts`: a list of canonical texts, from a list, a map (as `key:value`), a text split at `separator`, or a single
   * value.
   */
  readonly as: "number" | "text" | "texts";
  readonly separator: string;
};
type InputOrigin = { readonly column: string } | { readonly feature: string };

/**
 * The value of an input in one row; `undefined` if it is missing. Missing elements of `texts` become empty texts, so
 * that the other elements keep their positions.
 */
export type InputValue = number | string | readonly string[] | undefined;

export function inputOf(source: InputSource, as: Input["as"], separator: string): Input {
  if (typeof source === "string") return { column: source, as, separator };
  if ("feature" in source) return { feature: source.feature, as, separator };
  return { column: source.column, as, separator: source.separator ?? separator };
}

/** Marks a refused row. */
export class Refused {
  constructor(readonly code: RefusalCode) {}
}

const wrongType = new Refused(Refusal.wrongType);

/** Converts a raw value from JavaScript or DuckDB to the value that a derived feature reads. */
export function inputReader({ as, separator }: Input): (value: unknown) => InputValue | Refused {
  switch (as) {
    case "number":
      return numberValue;
    case "text":
      return (value) => {
        const text = canonicalText(value);
        return text === null ? wrongType : text;
      };
    case "texts":
      return (value) => textsOf(value, separator);
  }
}

function textsOf(value: unknown, separator: string): readonly string[] | undefined | Refused {
  if (typeof value === "string") return value === "" ? undefined : value.split(separator);
  if (value === undefined || value === null) return undefined;
  if (isList(value)) return canonicalTexts(Array.from(value));
  const entries = entriesOf(value);
  if (entries === undefined) return canonicalTexts([value]);
  const keys = canonicalTexts(entries.map(([key]) => key));
  const values = canonicalTexts(entries.map(([, item]) => item));
  if (keys instanceof Refused || values instanceof Refused) return wrongType;
  return keys.map((key, i) => `${key}:${values[i]}`);
}

function canonicalTexts(values: readonly unknown[]): readonly string[] | Refused {
  const texts = values.map(canonicalText);
  return texts.includes(null) ? wrongType : texts.map((text) => text ?? "");
}

/** The entries of a Map or plain object; `undefined` for any other value. */
export function entriesOf(value: unknown): [unknown, unknown][] | undefined {
  if (value instanceof Map) return [...value];
  if (typeof value !== "object" || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined;
}
