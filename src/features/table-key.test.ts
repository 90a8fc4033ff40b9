import fc from "fast-check";
import { expect, it } from "vitest";
import { murmur3Wide } from "../murmur3.js";
import { Refusal } from "./refusal.js";
import { keyOf } from "./table-key.js";

const LARGEST = 2n ** 63n - 1n;

/** With bytes around the text, which do not count. */
function keyOfText(text: string) {
  const bytes = Buffer.from(`7${text}7`);
  return keyOf(bytes, 1, bytes.length - 1);
}

it("an integer is its own key", () => {
  const edges = [0n, 1n, -1n, 10n ** 15n, 10n ** 16n - 1n, LARGEST, -LARGEST, LARGEST - 1n];
  for (const value of edges) expect(keyOfText(String(value))).toBe(value);
  fc.assert(
    fc.property(fc.bigInt({ min: -LARGEST, max: LARGEST }), (value) => {
      expect(keyOfText(String(value))).toBe(value);
    }),
  );
});

it("an integer beyond the keys is refused", () => {
  const beyond = fc.bigInt({ min: LARGEST + 1n, max: 10n ** 30n });
  fc.assert(
    fc.property(beyond, fc.boolean(), (value, negative) => {
      expect(keyOfText(`${negative ? "-" : ""}${value}`)).toBe(Refusal.keyRange);
    }),
  );
  // The smallest 64-bit integer is the key of a missing value.
  expect(keyOfText(String(-LARGEST - 1n))).toBe(Refusal.keyRange);
});

it("any other text has its 64-bit hash as a signed integer", () => {
  const hash = (text: string) => BigInt.asIntN(64, murmur3Wide(Buffer.from(text)));
  const nearIntegers = ["", "-", "-0", "00", "007", "-07", "+1", "1.0", "1e3", " 1", "1 ", "٣", "1\u00012"];
  for (const text of nearIntegers) expect(keyOfText(text)).toBe(hash(text));
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }).filter((text) => !/^-?\d+$/.test(text)),
      (text) => {
        expect(keyOfText(text)).toBe(hash(text));
      },
    ),
  );
});
