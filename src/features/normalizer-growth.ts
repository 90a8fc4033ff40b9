import { DataError } from "../errors.js";

/**
 * Bounds for a tokenizer of someone else: ten steps, each of which replaces a letter by ten, make a word into gigabytes.
 */

/** A normalizer of the library: one step, or the steps of a sequence. */
export interface Normalizer {
  normalize(text: string): string;
  readonly normalizers?: readonly (Normalizer | null)[];
}

/** Unicode's own normalization makes up to 18 characters of one. */
const MOST_GROWTH = 20;
const MOST_ADDED = 1000;
/** Texts that a step puts between, before or in place of others; in practice they are a few characters. */
const LONGEST_PART = 256;
/** Patterns are matched, and added to no text. */
const PATTERNS = ["Regex", "String", "precompiled_charsmap"];

/** Lets a normalizer refuse a text that one of its steps makes far longer. */
export function boundGrowth(normalizer: Normalizer): void {
  const normalize = normalizer.normalize.bind(normalizer);
  let longest = 0;
  const check = (text: string) => {
    if (text.length > longest) throw growth(text.length, longest);
    return text;
  };
  for (const step of stepsOf(normalizer)) {
    const apply = step.normalize.bind(step);
    step.normalize = (text) => check(apply(text));
  }
  normalizer.normalize = (text) => {
    longest = MOST_GROWTH * text.length + MOST_ADDED;
    return check(normalize(text));
  };
}

function stepsOf({ normalizers = [] }: Normalizer): Normalizer[] {
  return normalizers.flatMap((step) => (step ? [step, ...stepsOf(step)] : []));
}

function growth(length: number, longest: number): DataError {
  return new DataError({
    what: "the normalizer of a tokenizer makes a text far longer",
    where: "tokenizer",
    got: `${length} characters`,
    expected: `at most ${longest}: ${MOST_GROWTH} for each of the text, and ${MOST_ADDED}`,
    next: "Use a tokenizer whose steps do not replace what other steps have put in.",
  });
}

/** @throws TypeError if a part of a tokenizer adds a long text to others */
export function refuseLongParts(part: unknown): void {
  if (typeof part !== "object" || part === null) return;
  for (const [key, value] of Object.entries(part)) {
    if (typeof value !== "string") refuseLongParts(value);
    else if (value.length > LONGEST_PART && !PATTERNS.includes(key))
      throw new TypeError(`${key}: a text of ${value.length} characters, more than ${LONGEST_PART}`);
  }
}
