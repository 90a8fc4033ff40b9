import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { featuresSchema } from "../../features/schema/features.js";
import { dataSchema, type SourceInput } from "../data-config.js";
import { prepareData } from "../prepare.js";
import { RecordScanner } from "./records.js";

/** Each refused row is found in its file, whatever stands before it. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-records-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The quarantine of a source with the columns x (a number), t (any text) and y (the label). */
async function quarantineOf(source: SourceInput): Promise<{ rows: number; bad: Record<string, unknown>[] }> {
  const data = dataSchema.parse({
    train: source,
    label: "y",
    maxBadRows: 1,
    cacheDir: join(folder, "cache"),
  });
  const features = featuresSchema.parse([{ kind: "number", name: "x" }]);
  const { train } = (await prepareData({ data, features })).splits;
  const text = readFileSync(train.quarantinePath, "utf8");
  const bad = text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return { rows: train.rows, bad };
}

type Kind = "good" | "word" | "short" | "long" | "stray" | "blank";
const anyText = fc
  .array(fc.constantFrom("a", " ", "ä", "日", ",", '"', "\n", "7"), { maxLength: 6 })
  .map((parts) => parts.join(""));
const anyRow = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Kind>("good") },
    fc.constantFrom<Kind>("word", "short", "long", "stray", "blank"),
  ),
  text: anyText,
});

/** The lines of a row, and the field that is refused. */
function written({ kind, text }: { kind: Kind; text: string }, end: string): string {
  const quoted = `"${text.replaceAll('"', '""').replaceAll("\n", end)}"`;
  switch (kind) {
    case "good":
      return `1,${quoted},1`;
    case "word":
      return `w${text.length},${quoted},0`;
    case "short":
      return `1,${quoted}`;
    case "long":
      return `1,${quoted},0,5`;
    case "stray":
      return `1,"b" c,1`;
    case "blank":
      return "";
  }
}

describe.each(["\n", "\r\n"])("lines that end with %j", (end) => {
  it("are those of the rows", async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRow, { minLength: 1, maxLength: 30 }),
        fc.boolean(),
        async (rows, isZipped) => {
          let text = `x,t,y${end}1,first,1${end}`;
          const expected: { line: number; value: string | undefined }[] = [];
          for (const row of rows) {
            const line = text.split("\n").length;
            const record = written(row, end);
            if (!["good", "blank"].includes(row.kind))
              expected.push({ line, value: row.kind === "word" ? `w${row.text.length}` : undefined });
            text += record + end;
          }
          const path = join(folder, `${runs++}-${end.length}.csv${isZipped ? ".gz" : ""}`);
          writeFileSync(path, isZipped ? gzipSync(text) : text);
          const { rows: good, bad } = await quarantineOf({ path });
          expect(good).toBe(1 + rows.filter(({ kind }) => kind === "good").length);
          expect(bad.map(({ line }) => line).toSorted((a, b) => Number(a) - Number(b))).toEqual(
            expected.map(({ line }) => line),
          );
          expect(bad.every(({ file }) => file === path)).toBe(true);
          for (const { line, value } of expected)
            if (value !== undefined)
              expect(bad.find((row) => row.line === line)).toMatchObject({ value, feature: "x" });
        },
      ),
      { numRuns: 40 },
    );
  });
});

it("counts over several files, after skipped lines, without a header, in other encodings", async () => {
  const paths = ["1", "2"].map((name) => join(folder, `many-${name}.tsv`));
  const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, "utf16le");
  writeFileSync(paths[0], utf16('note "\nanother\n1\t"ä\nb"\t1\nw\tc\t0\n'));
  writeFileSync(paths[1], utf16('note\n\n1\tü\t1\n2\t"x"y\t0\n3\td\tz\n'));
  const { rows, bad } = await quarantineOf({
    path: paths,
    columns: ["x", "t", "y"],
    skip: 2,
    encoding: "utf-16",
  });
  expect(rows).toBe(2);
  expect(bad).toMatchObject([
    { file: paths[0], line: 5, feature: "x", value: "w" },
    { file: paths[1], line: 5, feature: "@label", value: "z" },
    { file: paths[1], line: 4, value: '2\t"x"y\t0' },
  ]);
});

it("does not depend on where a piece of a file ends", () => {
  const text = 'a,b\n1,"x\ny"\n2,z\n\n3,"q""r"\n4,"open\n5,u\n';
  const whole = Buffer.from(text);
  const scan = (pieces: Buffer[]) => {
    const format = { delimiter: ",", skip: 0, header: true, columns: ["a", "b"] };
    const scanner = new RecordScanner(format, [{ position: text.indexOf("2,z") }], [1, 2]);
    for (const piece of pieces) scanner.push(piece);
    scanner.end();
    return { records: scanner.records, lines: scanner.malformedLines, found: scanner.found };
  };
  const expected = scan([whole]);
  expect(expected).toEqual({
    records: 3,
    lines: [4],
    found: [
      { line: 2, text: '1,"x\ny"' },
      { line: 6, text: '3,"q""r"' },
    ],
  });
  for (let at = 0; at < whole.length; at++)
    expect(scan([whole.subarray(0, at), whole.subarray(at)])).toEqual(expected);
});
