import { canonicalText } from "./canonical.js";
import { Refusal, type RefusalCode } from "./refusal.js";
import type { InputSource } from "./schema/derived-fields.js";
import { isList, numberValue } from "./values.js";

/** What a derived feature computes from. */

/** An input of a derived feature, resolved: plain JSON, saved with the fitted features. */
export type Input = InputOrigin & {
  /** `texts`: canonical texts of a list, of a map as `key:value`, of a text split at `separator`, of a lone value. */
  readonly as: "number" | "text" | "texts";
  readonly separator: string;
};
type InputOrigin = { readonly column: string } | { readonly feature: string };

/** One row of an input; `undefined` where it is missing. Missing elements of `texts` are empty, to keep their place. */
export type InputValue = number | string | readonly string[] | undefined;

export function inputOf(source: InputSource, as: Input["as"], separator: string): Input {
  if (typeof source === "string") return { column: source, as, separator };
  if ("feature" in source) return { feature: source.feature, as, separator };
  return { column: source.column, as, separator: source.separator ?? separator };
}

/** A value that stands for a refusal of its row. */
export class Refused {
  constructor(readonly code: RefusalCode) {}
}

const wrongType = new Refused(Refusal.wrongType);

/** A raw value, of JavaScript or as the database delivers it, as a derived feature reads it. */
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

/** The entries of a Map or of a plain object; `undefined` for any other value. */
export function entriesOf(value: unknown): [unknown, unknown][] | undefined {
  if (value instanceof Map) return [...value];
  if (typeof value !== "object" || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined;
}
