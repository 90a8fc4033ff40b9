import fc from "fast-check";
import { expect, it } from "vitest";
import { likeliestPieces, type UnigramModel } from "./unigram.js";

const UNKNOWN = -20;

function modelOf(tokens: ReadonlyMap<string, number>): UnigramModel {
  const names = [...tokens.keys()].sort((a, b) => a.length - b.length);
  return {
    tokens_to_ids: new Map(names.map((name, id) => [name, id])),
    scores: names.map((name) => tokens.get(name)!),
    unk_score: UNKNOWN,
    trie: {
      common_prefix_search: (characters, start) => {
        const rest = characters.slice(start).join("");
        return names.filter((name) => rest.startsWith(name));
      },
    },
  };
}

/** All ways to split characters into pieces. */
function waysToSplit([first, ...rest]: readonly string[]): string[][] {
  if (rest.length === 0) return [[first]];
  return waysToSplit(rest).flatMap(([next, ...others]) => [
    [first, next, ...others],
    [first + next, ...others],
  ]);
}

it("finds the pieces with the highest sum of scores, as all ways to split a word tell", () => {
  const token = fc.stringMatching(/^[ab\u{1f600}]{1,4}$/u);
  const score = fc.double({ min: -5, max: 0, noNaN: true });
  const vocabulary = fc.uniqueArray(fc.tuple(token, score), { selector: ([token]) => token });
  const word = fc.stringMatching(/^[abc\u{1f600}]{1,7}$/u);
  fc.assert(
    fc.property(vocabulary, word, (entries, word) => {
      const tokens = new Map(entries);
      const scoreOf = (piece: string) => tokens.get(piece) ?? ([...piece].length === 1 ? UNKNOWN : -Infinity);
      const sumOf = (pieces: readonly string[]) => pieces.reduce((sum, piece) => sum + scoreOf(piece), 0);
      const pieces = likeliestPieces(modelOf(tokens), word);
      expect(pieces.join("")).toBe(word);
      expect(sumOf(pieces)).toBeCloseTo(Math.max(...waysToSplit([...word]).map(sumOf)), 8);
    }),
  );
});

it("splits texts of any length", () => {
  const tokens = new Map([
    ["a", -1],
    ["b", -2],
    ["ab", -2.5],
  ]);
  const model = modelOf(tokens);
  const next = (characters: readonly string[], at: number) =>
    [...tokens.keys()].filter((token) =>
      [...token].every((character, i) => characters[at + i] === character),
    );
  const trie = { common_prefix_search: next };
  expect(likeliestPieces({ ...model, trie }, "ab".repeat(200_000))).toEqual(Array(200_000).fill("ab"));
  expect(likeliestPieces(model, "")).toEqual([]);
});
