import { z } from "zod";
import { DataError } from "../errors.js";

/**
 * The steps before the model of a tokenizer, as the Hugging Face library for Python has them where the one for JavaScript differs,
 * and bounded, as the tokenizer may be anyone's: ten steps, each of which replaces a letter by ten, make a word into gigabytes.
 */

/** A normalizer or a pre-tokenizer of the library: one step, or the steps of a sequence. */
export interface Step {
  readonly config?: { readonly type: string; readonly content?: string } & SplitSettings;
  readonly pattern?: RegExp | null;
  readonly normalizers?: readonly (Step | null)[];
  readonly tokenizers?: readonly (Step | null)[];
  normalize?(text: string): string;
  pre_tokenize_text?(text: string, options?: unknown): string[];
}

/** A step in a `tokenizer.json`. */
export interface StepDefinition {
  readonly type: string;
  readonly normalizers?: readonly StepDefinition[];
  readonly pretokenizers?: readonly StepDefinition[];
  readonly [key: string]: unknown;
}

/** The same step for the library: letters are those of Unicode, and what is put in place of a match is no pattern. */
export function forLibrary(step: StepDefinition): StepDefinition {
  const { type, normalizers, pretokenizers, content } = step;
  if (normalizers) return { ...step, normalizers: normalizers.map(forLibrary) };
  if (pretokenizers) return { ...step, pretokenizers: pretokenizers.map(forLibrary) };
  if (type === "Replace" && typeof content === "string")
    return { ...step, content: content.replaceAll("$", "$$$$") };
  if (type !== "Whitespace") return step;
  return { type: "Split", pattern: { Regex: "\\w+|[^\\w\\s]+" }, behavior: "Removed", invert: true };
}

/** Unicode's own normalization makes up to 18 characters of one. */
const MOST_GROWTH = 20;
const MOST_ADDED = 1000;

/**
 * Lets steps refuse a text that one of them makes far longer.
 * @returns must be called with each text before it is given to the steps
 */
export function boundSteps(steps: readonly (Step | null)[]): (text: string) => void {
  const bounds = stepsOf(steps).map(boundStep);
  return (text) => {
    for (const begin of bounds) begin(MOST_GROWTH * text.length + MOST_ADDED);
  };
}

/** The steps of all sequences. */
function stepsOf(steps: readonly (Step | null)[]): Step[] {
  return steps.flatMap((step) => {
    const inner = step?.normalizers ?? step?.tokenizers;
    return inner ? stepsOf(inner) : (step ?? []);
  });
}

/** @returns must be called with the most characters that the step may make of the next text, in all its parts */
function boundStep(step: Step): (most: number) => void {
  let [made, longest] = [0, 0];
  const count = (length: number) => {
    made += length;
    if (made > longest) throw growth(made, longest);
  };
  const bounded =
    <T extends string | string[]>(apply: (text: string, options?: unknown) => T) =>
    (text: string, options?: unknown): T => {
      for (const length of lengthsPutIn(step, text)) count(length);
      const result = apply(text, options);
      for (const { length } of typeof result === "string" ? [result] : result) count(length);
      return result;
    };
  if (step.normalize) step.normalize = bounded(step.normalize.bind(step));
  if (step.pre_tokenize_text) step.pre_tokenize_text = bounded(splitterOf(step));
  return (most) => {
    [made, longest] = [0, most];
  };
}

/** The lengths of what a step will put in place of matches, known before the text is made. */
function* lengthsPutIn({ config, pattern }: Step, text: string): Generator<number> {
  if (config?.type !== "Replace" || !pattern) return;
  for (const _ of text.matchAll(pattern)) yield config.content?.length ?? 0;
}

function splitterOf(step: Step): (text: string, options?: unknown) => string[] {
  const { config, pattern } = step;
  if (config?.type === "Split" && pattern) return (text) => splitBy(text, pattern, config);
  return step.pre_tokenize_text!.bind(step);
}

function growth(length: number, longest: number): DataError {
  return new DataError({
    what: "a step of a tokenizer makes a text far longer",
    where: "tokenizer",
    got: `${length} characters`,
    expected: `at most ${longest}: ${MOST_GROWTH} for each of the text, and ${MOST_ADDED}`,
    next: "Use a tokenizer whose steps do not replace what other steps have put in.",
  });
}

interface SplitSettings {
  /** What becomes of the matches. */
  readonly behavior?: string;
  /** The matches are the texts between those of the pattern. */
  readonly invert?: boolean;
}

/** Splits a text at the matches of a pattern. */
function splitBy(text: string, pattern: RegExp, { behavior = "", invert = false }: SplitSettings): string[] {
  const parts = partsOf(text, pattern).map(({ part, matches }) => ({ part, matches: matches !== invert }));
  switch (behavior.toLowerCase()) {
    case "removed":
      return parts.filter(({ matches }) => !matches).map(({ part }) => part);
    case "contiguous":
      return joined(parts, (part, last) => part.matches === last.matches);
    case "mergedwithprevious":
      return joined(parts, (part, last) => part.matches && !last.matches);
    case "mergedwithnext":
      return joined(parts, (part, last) => last.matches && !part.matches);
    default:
      return parts.map(({ part }) => part);
  }
}

interface Part {
  readonly part: string;
  readonly matches: boolean;
}

/** The matches and the texts between them, without empty ones. */
function partsOf(text: string, pattern: RegExp): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    parts.push({ part: text.slice(at, index), matches: false }, { part: match, matches: true });
    at = index + match.length;
  }
  parts.push({ part: text.slice(at), matches: false });
  return parts.filter(({ part }) => part !== "");
}

/** The parts, each joined to the one before it if this is told by both. */
function joined(parts: readonly Part[], joins: (part: Part, last: Part) => boolean): string[] {
  const texts: string[] = [];
  parts.forEach((part, i) => {
    if (i > 0 && joins(part, parts[i - 1])) texts.push(texts.pop() + part.part);
    else texts.push(part.part);
  });
  return texts;
}

/** Texts that a step puts between, before or in place of others; in practice they are a few characters. */
const LONGEST_PART = 256;
/** Patterns are matched, and added to no text. */
const PATTERNS = ["Regex", "String", "precompiled_charsmap"];

const character = z.string().refine((text) => [...text].length === 1, "expected one character");

/** What the library needs to know and does not check: by other values it makes texts longer, or never ends. */
const STEPS = new Map<unknown, z.ZodType>([
  ["Metaspace", z.looseObject({ replacement: character.optional(), str_rep: character.optional() })],
  ["FixedLength", z.looseObject({ length: z.int().positive() })],
  ["WordPiece", z.looseObject({ max_input_chars_per_word: z.int().max(10_000).optional() })],
]);

/** @throws TypeError if a part of a tokenizer adds a long text to others, or has a setting that it cannot have */
export function refuseBadParts(part: unknown): void {
  if (typeof part !== "object" || part === null) return;
  const { type } = part as { type?: unknown };
  const issue = STEPS.get(type)?.safeParse(part).error?.issues[0];
  if (issue) throw new TypeError(`${type}: ${issue.path.join(".")}: ${issue.message}`);
  for (const [key, value] of Object.entries(part)) {
    if (typeof value !== "string") refuseBadParts(value);
    else if (value.length > LONGEST_PART && !PATTERNS.includes(key))
      throw new TypeError(`${key}: a text of ${value.length} characters, more than ${LONGEST_PART}`);
  }
}
