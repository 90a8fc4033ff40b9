import { expect, it } from "vitest";
import type { ScanBatch } from "../data/source/scan.js";
import { RowCount } from "./score.js";

it("refused rows that are not UTF-8 name the key encoding", () => {
  const rows = (reason: string) => {
    const count = new RowCount({ features: [] });
    const malformedRows = [{ file: "a.csv", line: 2, column: "x", reason, text: null }];
    count.add({ columns: { rows: 0 }, bad: [], malformedRows } as unknown as ScanBatch);
    return () => count.check("--data", 0);
  };
  expect(rows("malformed row: Invalid unicode (byte sequence mismatch) detected")).toThrow(
    /If the texts are not UTF-8, set the encoding .* encoding: "windows-1252"/,
  );
  expect(rows("malformed row: Expected Number of Columns: 2")).not.toThrow(/encoding/);
});
