import { existsSync, readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { CheckpointError, ConfigError, messageOf } from "../errors.js";
import { withinTime } from "../untrusted.js";
import { boundSteps, forLibrary, refuseBadParts, type Step, type StepDefinition } from "./tokenizer-steps.js";
import { likeliestPieces, type UnigramModel } from "./unigram.js";

/**
 * Subword tokenizers: BPE, WordPiece and Unigram models from a Hugging Face `tokenizer.json`, with their normalizer and
 * pre-tokenizer. No special tokens are added.
 */

/** The content of a `tokenizer.json`: plain JSON, saved with the fitted features. */
export type TokenizerDefinition = { readonly [key: string]: unknown };

/** By file name. */
export type Tokenizers = Readonly<Record<string, TokenizerDefinition>>;

/** The part of the library that we use; its own types do not resolve under NodeNext. */
interface Library {
  readonly model: {
    readonly unk_token?: string;
    readonly tokens_to_ids: ReadonlyMap<string, number>;
    fuse_unk: boolean;
    encode(words: string[]): string[];
  } & (UnigramModel | { readonly trie?: undefined });
  readonly normalizer: Step | null;
  readonly pre_tokenizer: Step | null;
  tokenize(text: string, options: { add_special_tokens: boolean }): string[];
  get_vocab(): ReadonlyMap<string, number>;
}

const shape = z.looseObject({
  model: z.looseObject({
    // Old files have no type; the library infers it from the other fields.
    type: z.enum(["BPE", "WordPiece", "Unigram"]).optional(),
    vocab: z.union([z.record(z.string(), z.int()), z.array(z.tuple([z.string(), z.number()]))]),
  }),
});

/**
 * @param where config path of the file name
 * @throws ConfigError
 */
export function readTokenizer(file: string, where: string): TokenizerDefinition {
  try {
    const definition = JSON.parse(readFileSync(file, "utf8")) as unknown;
    checkDefinition(definition);
    return definition;
  } catch (error) {
    throw new ConfigError(
      {
        what: "the tokenizer cannot be used",
        where,
        got: `${file}: ${messageOf(error)}`,
        expected: "a tokenizer.json of Hugging Face with a BPE, WordPiece or Unigram model",
        next: existsSync(file)
          ? "Correct the file, or write it again with the program that made the tokenizer."
          : `Check the path. Relative paths start at ${process.cwd()}.`,
      },
      { cause: error },
    );
  }
}

/** @throws CheckpointError if one of the tokenizers of a checkpoint cannot be used */
export function refuseBadTokenizers(tokenizers: Tokenizers, where: string): void {
  for (const [file, definition] of Object.entries(tokenizers))
    try {
      checkDefinition(definition);
    } catch (cause) {
      const report = {
        what: "a tokenizer of the checkpoint cannot be used",
        where: `${where}: ${file}`,
        got: messageOf(cause),
        next: "Use another checkpoint of the run: this one was written incorrectly.",
      };
      throw new CheckpointError(report, { cause });
    }
}

function checkDefinition(definition: unknown): asserts definition is TokenizerDefinition {
  const { error } = shape.safeParse(definition);
  if (error) throw new TypeError(error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)[0]);
  tryOut(definition as TokenizerDefinition);
}

/** Every id has a token, as every row of a table has a meaning, and a text can be split. */
function tryOut(definition: TokenizerDefinition): void {
  const { vocab: _, merges: __, ...model } = definition.model as TokenizerDefinition;
  refuseBadParts([model, definition.normalizer, definition.pre_tokenizer]);
  withinTime(
    MOST_MILLISECONDS,
    () => {
      normalizeAddedTokens(definition);
      const gap = tokensOf(definition).findIndex(([token, id], i) => typeof token !== "string" || id !== i);
      if (gap >= 0) throw new TypeError(`no token has the id ${gap}`);
      compileTokenizer(definition)(TRIED);
    },
    () => new TypeError("its regular expressions take too long to split a short text"),
  );
}

/** The library normalizes them when it opens a tokenizer, without a bound. */
function normalizeAddedTokens(definition: TokenizerDefinition): void {
  const model = { type: "WordPiece", vocab: { a: 0 }, unk_token: "a" };
  const tokenize = compileTokenizer({ ...definition, model, added_tokens: [] });
  const { added_tokens: added } = z.looseObject({ added_tokens: addedTokens }).parse(definition);
  for (const { content } of added ?? []) tokenize(content);
}

const addedTokens = z.array(z.looseObject({ content: z.string() })).nullish();

const MOST_MILLISECONDS = 5000;

/** Words, digits, signs and characters of several bytes. */
const TRIED = "The cat's 12 toys, caf\u00e9 \u6f22\u5b57 \u{1f600}\n";

/** All tokens, in the order of their ids. */
export function tokensOf(definition: TokenizerDefinition): [token: string, id: number][] {
  return [...open(definition).get_vocab()].sort(([, a], [, b]) => a - b);
}

/** Splits a text into tokens, all of them among {@link tokensOf}. */
export function compileTokenizer(definition: TokenizerDefinition): (text: string) => readonly string[] {
  const tokenizer = open(definition);
  const known = tokenizer.get_vocab();
  const begin = boundSteps([tokenizer.normalizer, tokenizer.pre_tokenizer]);
  return (text) => {
    begin(text);
    // Added tokens may be changed by the normalizer to what is no token.
    return tokenizer.tokenize(text, { add_special_tokens: false }).filter((token) => known.has(token));
  };
}

function open(definition: TokenizerDefinition): Library {
  const { normalizer, pre_tokenizer: preTokenizer } = definition as Steps;
  const steps = {
    normalizer: normalizer ? forLibrary(normalizer) : null,
    pre_tokenizer: preTokenizer ? forLibrary(preTokenizer) : null,
  };
  // What comes after the model adds special tokens, and makes texts of tokens.
  const tokenizer = new Tokenizer(
    { ...definition, ...steps, post_processor: null, decoder: null },
    {},
  ) as Library;
  nameUnknownPieces(tokenizer.model);
  return tokenizer;
}

type Steps = { readonly [Name in "normalizer" | "pre_tokenizer"]?: StepDefinition | null };

/**
 * Pieces without a token become the unknown token if the model has one. With `fuse_unk`, adjacent unknowns within a
 * word become one; the library fuses across words.
 */
function nameUnknownPieces(model: Library["model"]): void {
  const { encode, fuse_unk: fuse, tokens_to_ids: known, unk_token: unknown } = model;
  const piecesOf = (word: string) => (model.trie ? likeliestPieces(model, word) : encode.call(model, [word]));
  model.fuse_unk = false;
  model.encode = (words) =>
    words.flatMap((word) => {
      const pieces = piecesOf(word).map((piece) => (known.has(piece) ? piece : unknown));
      return pieces.filter((piece, i): piece is string => {
        if (piece === undefined) return false;
        return !fuse || piece !== unknown || pieces[i - 1] !== unknown;
      });
    });
}
