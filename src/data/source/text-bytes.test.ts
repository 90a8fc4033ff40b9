import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import fc from "fast-check";
import { expect, it } from "vitest";
import { areUtf8 } from "./text-bytes.js";

/** Characters of one to four bytes, and bytes of any kind. */
const part = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("a", "\n", "é", "漢", "😀").map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => Buffer.from(bytes)) },
);

it("bytes are UTF-8 in pieces of any size if they are as a whole", async () => {
  const cuts = fc.array(fc.nat({ max: 5 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.array(part), cuts, async (parts, sizes) => {
      const whole = Buffer.concat(parts);
      const pieces: Buffer[] = [];
      let at = 0;
      for (const size of sizes) {
        pieces.push(whole.subarray(at, at + size));
        at += size;
      }
      pieces.push(whole.subarray(at));
      expect(await areUtf8(Readable.from(pieces))).toBe(isUtf8(whole));
    }),
    { numRuns: 500 },
  );
});
