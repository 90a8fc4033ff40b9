import { z } from "zod";
import { idsOutput, inputSource, refineOutput } from "../../config/derived-fields.js";
import { featureName } from "../../config/feature-fields.js";
import { type Input, inputOf } from "../inputs.js";
import { type Operator, rowwise } from "../operator.js";

/**
 * `tokenize`: the words of a text, by white space or as the matches of a pattern, as a bag of ids; with
 * `vocabulary: { file }` the words of a vocabulary file. Meaning: TorchEasyRec's TokenizeFeature, for tokenizers that
 * split words.
 */
export const tokenizeFeature = z
  .strictObject({
    kind: z.literal("tokenize"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** The text. */
    input: inputSource,
    /** White space between words, or a pattern that words match. */
    tokenizer: z
      .union([z.literal("whitespace"), z.strictObject({ pattern: z.string().min(1) })])
      .default("whitespace"),
    /** Lower the letters first. */
    lowercase: z.boolean().default(false),
    ...idsOutput,
  })
  .superRefine(refineOutput)
  .superRefine(({ tokenizer, buckets }, context) => {
    if (buckets !== undefined)
      context.addIssue({
        code: "custom",
        path: ["buckets"],
        message: "words are text: map them with hash or vocabulary",
      });
    if (tokenizer === "whitespace") return;
    try {
      new RegExp(tokenizer.pattern, "gu");
    } catch (error) {
      context.addIssue({ code: "custom", path: ["tokenizer", "pattern"], message: (error as Error).message });
    }
  });

export interface Tokenize {
  readonly kind: "tokenize";
  readonly inputs: readonly Input[];
  /** Matches tokens. */
  readonly pattern: string;
  readonly lowercase: boolean;
}

export function deriveTokenize({ input, tokenizer, lowercase }: z.output<typeof tokenizeFeature>): Tokenize {
  const pattern = tokenizer === "whitespace" ? "\\S+" : tokenizer.pattern;
  return { kind: "tokenize", inputs: [inputOf(input, "text", ",")], pattern, lowercase };
}

export function compileTokenize({ pattern, lowercase }: Tokenize): Operator {
  const tokens = new RegExp(pattern, "gu");
  return rowwise((text) => {
    if (text === undefined) return undefined;
    return (lowercase ? (text as string).toLowerCase() : (text as string)).match(tokens) ?? [];
  });
}
