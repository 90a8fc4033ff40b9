import { z } from "zod";
import { CheckpointError, DataError, messageOf } from "../../errors.js";
import { withinTime } from "../../untrusted.js";
import { type Input, type InputValue, inputOf } from "../inputs.js";
import { type Operator, rowwise } from "../operator.js";
import { idsOutput, inputSource, refineIds } from "../schema/derived-fields.js";
import { featureName, text } from "../schema/feature-fields.js";
import { compileTextSteps, type TextStep, textStep } from "../text-steps.js";
import { compileTokenizer, type TokenizerDefinition, type Tokenizers } from "../tokenizer.js";
import { defineKind, type Learned } from "./define-kind.js";

/**
 * `tokenize`: splits a text into a bag of ids: words separated by white space, matches of a pattern, or subwords from a
 * tokenizer file. Meaning: TorchEasyRec's TokenizeFeature.
 */
const schema = z
  .strictObject({
    kind: z.literal("tokenize"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** The text. */
    input: inputSource,
    /**
     * White space between words, a pattern that matches words, or a Hugging Face `tokenizer.json` (BPE, WordPiece,
     * Unigram). Without a mapping, its tokens are the vocabulary.
     */
    tokenizer: z
      .union([
        z.literal("whitespace"),
        z.strictObject({
          /** A regular expression that each word matches. */
          pattern: text,
        }),
        z.strictObject({
          /** A Hugging Face `tokenizer.json`. */
          file: text,
        }),
      ])
      .default("whitespace"),
    /** Normalization steps, applied to the text in this order. */
    normalizeText: z.array(textStep).default([]),
    ...idsOutput,
  })
  .superRefine(refineIds)
  .superRefine(({ tokenizer, buckets }, context) => {
    if (buckets !== undefined)
      context.addIssue({
        code: "custom",
        path: ["buckets"],
        message: "words are text: map them with hash, vocabulary or dynamic",
      });
    if (tokenizer === "whitespace" || "file" in tokenizer) return;
    try {
      new RegExp(tokenizer.pattern, "gu");
    } catch (error) {
      context.addIssue({ code: "custom", path: ["tokenizer", "pattern"], message: messageOf(error) });
    }
  });

interface Tokenize {
  readonly kind: "tokenize";
  readonly inputs: readonly Input[];
  /** A pattern that matches tokens, or the name of a fitted tokenizer. */
  readonly split: { readonly pattern: string } | { readonly file: string };
  readonly normalize: readonly TextStep[];
}

export const tokenizeKind = defineKind({
  schema,
  gives: "ids",
  derive,
  compile,
  file: ({ tokenizer }) =>
    typeof tokenizer === "object" && "file" in tokenizer
      ? { path: tokenizer.file, key: "tokenizer.file", holds: "tokenizer" }
      : undefined,
});

function derive({ input, tokenizer, normalizeText }: z.output<typeof schema>): Tokenize {
  const split = tokenizer === "whitespace" ? { pattern: "\\S+" } : tokenizer;
  return { kind: "tokenize", inputs: [inputOf(input, "text", ",")], split, normalize: normalizeText };
}

function compile({ split, normalize }: Tokenize, { tokenizers = {} }: Learned): Operator {
  const apply = compileTextSteps(normalize);
  const tokens = compileSplit(split, tokenizers);
  const ofRows = rowwise((text) => (text === undefined ? undefined : tokens(apply(text as string))));
  return (inputs, rows) =>
    withinTime(
      mostMilliseconds(inputs[0]),
      () => ofRows(inputs, rows),
      () => tooSlow(split, normalize),
    );
}

/** Far more than patterns and tokenizers take, also on a slow machine. */
function mostMilliseconds(texts: readonly InputValue[]): number {
  const characters = texts.reduce<number>((sum, text) => sum + ((text as string)?.length ?? 0), 0);
  return 5000 + Math.ceil(0.02 * characters);
}

function tooSlow(split: Tokenize["split"], normalize: readonly TextStep[]): DataError {
  const used = "file" in split ? split.file : `/${split.pattern}/`;
  const removed = normalize.flatMap((step) => (typeof step === "string" ? [] : [`/${step.remove}/`]));
  return new DataError({
    what: "it takes too long to split a text",
    where: "tokenizer",
    got: [used, ...removed].join(", "),
    expected: "regular expressions whose time follows the length of the text",
    next: "Rewrite them without repetitions of what is repeated or has alternatives, such as (a+)+, and train again.",
  });
}

function compileSplit(split: Tokenize["split"], tokenizers: Tokenizers): (text: string) => readonly string[] {
  if ("file" in split) return compileTokenizer(tokenizerOf(split.file, tokenizers));
  const words = new RegExp(split.pattern, "gu");
  return (text) => text.match(words) ?? [];
}

function tokenizerOf(file: string, tokenizers: Tokenizers): TokenizerDefinition {
  if (Object.hasOwn(tokenizers, file)) return tokenizers[file];
  throw new CheckpointError({
    what: "the checkpoint lacks the tokenizer of a feature",
    where: file,
    got: Object.keys(tokenizers).join(", ") || "no tokenizers",
    expected: file,
    next: "Use another checkpoint of the run: this one was written incorrectly.",
  });
}
