import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../errors.js";
import { compileTokenizer, readTokenizer, tokensOf } from "./tokenizer.js";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/** What the Hugging Face library for Python says: conformance/make_tokenizer_fixtures.py. */
const expected = JSON.parse(readFileSync(fixture("tokens.json"), "utf8")) as {
  texts: string[];
  tokenizers: Record<string, { size: number; ids: number[][] }>;
};

describe.each(Object.entries(expected.tokenizers))("%s", (name, { size, ids }) => {
  const definition = readTokenizer(fixture(`${name}.tokenizer.json`), "features[0].tokenizer.file");
  const tokens = tokensOf(definition);

  it("lists its tokens by id", () => {
    expect(tokens.map(([, id]) => id)).toEqual(Array.from({ length: size }, (_, i) => i));
    expect(new Set(tokens.map(([token]) => token)).size).toBe(size);
  });

  it("splits texts as the library for Python does", () => {
    const idOf = new Map(tokens);
    const tokenize = compileTokenizer(definition);
    expected.texts.forEach((text, i) => {
      expect(
        tokenize(text).map((token) => idOf.get(token)),
        JSON.stringify(text),
      ).toEqual(ids[i]);
    });
  });
});

interface Steps {
  readonly normalizer: object | null;
  readonly pre_tokenizer: object | null;
  readonly text: string;
  readonly pieces: string[];
}

/** What the Hugging Face library for Python says: conformance/make_tokenizer_fixtures.py. */
const steps = JSON.parse(readFileSync(fixture("steps.json"), "utf8")) as Steps[];

it.each(steps)("$normalizer and $pre_tokenizer make $pieces of $text", ({ text, pieces, ...steps }) => {
  const tokens = ["?", ...new Set(pieces)];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const model = { type: "WordPiece", vocab, unk_token: "?", continuing_subword_prefix: "##" };
  const tokenize = compileTokenizer({
    ...steps,
    model,
    added_tokens: [],
    post_processor: null,
    decoder: null,
  });
  expect(tokenize(text)).toEqual(pieces);
});

it.each([
  ["no-such.json", /ENOENT[\s\S]*Check the path/],
  ["tokens.json", /next: {5}Correct the file/],
])("refuses %s", (name, message) => {
  const read = () => readTokenizer(fixture(name), "features[0].tokenizer.file");
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(message);
  expect(read).toThrow(/features\[0\]\.tokenizer\.file: the tokenizer cannot be used/);
});

describe("a malformed file", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pairloom-tokenizer-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const original = (name: string) => JSON.parse(readFileSync(fixture(`${name}.tokenizer.json`), "utf8"));
  const read = (definition: unknown) => {
    const path = join(folder, "tokenizer.json");
    writeFileSync(path, JSON.stringify(definition));
    return readTokenizer(path, "features[0].tokenizer.file");
  };

  it("with a gap in its ids is refused", () => {
    const { model, ...rest } = original("word_piece");
    const [[last]] = Object.entries<number>(model.vocab).toSorted(([, a], [, b]) => b - a);
    const vocab = { ...model.vocab, [last]: model.vocab[last] + 3 };
    expect(() => read({ ...rest, model: { ...model, vocab } })).toThrow(/no token has the id 1\d\d/);
  });

  const replace = (pattern: object, content: string) => ({ type: "Replace", pattern, content });
  const growing = Array.from({ length: 9 }, () => replace({ String: "a" }, "aaaaaaaaaa"));
  it.each([
    ["normalizer", { type: "Sequence", normalizers: growing }, /makes a text far longer[\s\S]*characters/],
    [
      "normalizer",
      {
        type: "Sequence",
        normalizers: [{ type: "Sequence", normalizers: growing }, replace({ Regex: "a+" }, "")],
      },
      /makes a text far longer/,
    ],
    ["normalizer", replace({ String: "a" }, "b".repeat(257)), /content: a text of 257 characters/],
    ["normalizer", { type: "Prepend", prepend: "b".repeat(257) }, /prepend: a text of 257 characters/],
    ["pre_tokenizer", { type: "Sequence", pretokenizers: growing }, /makes a text far longer/],
    [
      "pre_tokenizer",
      { type: "Sequence", pretokenizers: Array.from({ length: 30 }, () => ({ type: "ByteLevel" })) },
      /makes a text far longer/,
    ],
    ["pre_tokenizer", { type: "Metaspace", replacement: "bb" }, /Metaspace: replacement: expected one char/],
    ["pre_tokenizer", { type: "FixedLength", length: 0 }, /FixedLength: length: Too small/],
  ])("whose %s makes texts far longer, or never ends, is refused: %j", (key, step, message) => {
    expect(() => read({ ...original("word_piece"), [key]: step })).toThrow(message);
  });

  it("that grows an added token is refused", () => {
    const token = { id: 0, content: "zzz", normalized: true };
    const normalizer = {
      type: "Sequence",
      normalizers: growing.map(() => replace({ String: "z" }, "zzzzzzzzzz")),
    };
    const definition = { ...original("word_piece"), normalizer, added_tokens: [token] };
    expect(() => read(definition)).toThrow(/makes a text far longer/);
  });

  it("that grows only some texts refuses these", () => {
    const steps = growing.map(() => replace({ String: "q" }, "qqqqqqqqqq"));
    for (const [key, inner] of [
      ["normalizer", "normalizers"],
      ["pre_tokenizer", "pretokenizers"],
    ]) {
      const tokenize = compileTokenizer(
        read({ ...original("word_piece"), [key]: { type: "Sequence", [inner]: steps } }),
      );
      expect(tokenize("the cat")).not.toEqual([]);
      expect(() => tokenize("q".repeat(100))).toThrow(/makes a text far longer/);
      expect(tokenize("the cat")).not.toEqual([]);
    }
  });

  it("gets no tokens from its post-processor, however often that repeats them", () => {
    const A = { Sequence: { id: "A", type_id: 0 } };
    const twice = { type: "TemplateProcessing", single: [A, A], pair: [] };
    const post_processor = { type: "Sequence", processors: [...Array(40)].map(() => twice) };
    const [plain, repeated] = [original("word_piece"), { ...original("word_piece"), post_processor }];
    expect(compileTokenizer(read(repeated))("the cat")).toEqual(compileTokenizer(read(plain))("the cat"));
  });

  it("is used where Unicode's own normalization makes a text longer, 18 times at most", () => {
    const tokenize = compileTokenizer(read({ ...original("word_piece"), normalizer: { type: "NFKD" } }));
    expect(tokenize("\uFDFA".repeat(1000))).not.toEqual([]);
  });

  it("is refused when it is read, or splits every text into its tokens", () => {
    const names = Object.keys(expected.tokenizers);
    const odd = fc.oneof(
      fc.constantFrom(null, {}, [], "", "x", -1, 1.5, true, ["a"], { type: "x" }),
      fc.constant(undefined),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), odd, (name, at, value) => {
        const definition = original(name);
        const places = placesOf(definition);
        const [parent, key] = places[at % places.length];
        parent[key] = value;
        let tokenizer: ReturnType<typeof read>;
        try {
          tokenizer = read(definition);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          return;
        }
        const known = new Set(tokensOf(tokenizer).map(([token]) => token));
        const tokenize = compileTokenizer(tokenizer);
        for (const text of expected.texts)
          expect(tokenize(text).filter((token) => !known.has(token))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

/** Every place of a value outside the long lists of tokens and merges, and a few inside. */
function placesOf(value: Record<string, unknown>): [Record<string, unknown>, string][] {
  return Object.keys(value)
    .slice(0, 12)
    .flatMap((key) => {
      const inner = value[key];
      const isObject = typeof inner === "object" && inner !== null;
      return [[value, key], ...(isObject ? placesOf(inner as Record<string, unknown>) : [])] as [
        Record<string, unknown>,
        string,
      ][];
    });
}
