import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
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

it.each([
  ["no-such.json", /ENOENT/],
  ["tokens.json", /./],
])("refuses %s", (name, message) => {
  const read = () => readTokenizer(fixture(name), "features[0].tokenizer.file");
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(message);
  expect(read).toThrow(/features\[0\]\.tokenizer\.file: the tokenizer cannot be used/);
});
