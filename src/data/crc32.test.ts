import fc from "fast-check";
import { expect, it } from "vitest";
import { crc32, tableCrc32 } from "./crc32.js";

it("has the check value of CRC-32/ISO-HDLC", () => {
  expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
  expect(tableCrc32(Buffer.from("123456789"))).toBe(0xcbf43926);
});

it("the table and the library agree", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(tableCrc32(bytes)).toBe(crc32(bytes));
    }),
  );
});
