import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteVocabulary } from "./vocabulary.js";

it("finds each text at its index, and nothing else", () => {
  const texts = fc.uniqueArray(fc.string({ unit: "grapheme", minLength: 1 }), { maxLength: 200 });
  fc.assert(
    fc.property(texts, fc.array(fc.string({ unit: "grapheme" })), (values, others) => {
      const vocabulary = new ByteVocabulary(values);
      for (const text of [...values, ...others]) {
        const bytes = Buffer.from(`..${text}..`);
        expect(vocabulary.lookup(bytes, 2, bytes.length - 2)).toBe(values.indexOf(text));
      }
    }),
  );
});

it("finds synonyms at the index of their text", () => {
  const vocabulary = new ByteVocabulary(
    ["a", "b"],
    new Map([
      ["beta", 1],
      ["α", 0],
    ]),
  );
  const found = ["a", "b", "beta", "α", "bet"].map((text) => {
    const bytes = Buffer.from(text);
    return vocabulary.lookup(bytes, 0, bytes.length);
  });
  expect(found).toEqual([0, 1, 1, 0, -1]);
});

it("verifies hits, so that texts of one hash stay apart", () => {
  // A table of two slots: every second text falls on an occupied slot.
  const vocabulary = new ByteVocabulary(["a"]);
  const found = Array.from({ length: 1000 }, (_, i) => {
    const bytes = Buffer.from(`b${i}`);
    return vocabulary.lookup(bytes, 0, bytes.length);
  });
  expect(new Set(found)).toEqual(new Set([-1]));
});
