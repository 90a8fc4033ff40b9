import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fitFeatures } from "../../features/fit.js";
import { featuresSchema } from "../../features/schema/features.js";
import { dataSchema, type SourceInput, sourceSchema } from "../data-config.js";
import { readQuarantine } from "../pack/quarantine.js";
import { prepareData } from "../prepare.js";
import { scanSource } from "./scan.js";
import { type OtherEncoding, toUtf8 } from "./text-encoding.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-encoding-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bigEndian = (text: string) => Buffer.from(text, "utf16le").swap16();
const littleEndian = (text: string) => Buffer.from(text, "utf16le");

async function decode(pieces: readonly Uint8Array[], encoding: OtherEncoding): Promise<Buffer> {
  const source = (async function* () {
    for (const piece of pieces) yield Buffer.from(piece);
  })();
  const decoded: Buffer[] = [];
  for await (const piece of toUtf8(source, encoding)) decoded.push(piece);
  return Buffer.concat(decoded);
}

/** Bytes cut at any places. */
const cut = (bytes: Buffer, places: readonly number[]) => {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
};

const texts = fc.string({ unit: "binary" }).map((text) => `a${text.replaceAll("\ufeff", "")}`);
const places = fc.array(fc.nat(60), { maxLength: 8 });

describe("text in another encoding", () => {
  it.each<[OtherEncoding, (text: string) => Buffer]>([
    ["utf-16", littleEndian],
    ["utf-16", bigEndian],
    ["utf-16", (text) => littleEndian(`\ufeff${text}`)],
    ["utf-16", (text) => bigEndian(`\ufeff${text}`)],
    ["utf-16le", littleEndian],
    ["utf-16be", bigEndian],
    ["utf-16be", (text) => bigEndian(`\ufeff${text}`)],
  ])("%s is the text as UTF-8, wherever a piece of the file ends", async (encoding, write) => {
    await fc.assert(
      fc.asyncProperty(texts, places, async (text, ends) => {
        expect((await decode(cut(write(text), ends), encoding)).toString("utf8")).toBe(text);
      }),
    );
  });

  it.each<OtherEncoding>(["latin-1", "windows-1252"])(
    "%s has a character for every byte",
    async (encoding) => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const expected =
        encoding === "latin-1"
          ? String.fromCharCode(...bytes)
          : // Some versions of Node.js decode whole texts as ISO 8859-1.
            new TextDecoder("windows-1252").decode(bytes, { stream: true });
      expect((await decode(cut(bytes, [0x81, 0x90]), encoding)).toString("utf8")).toBe(expected);
    },
  );

  it("keeps what is no character from being one", async () => {
    const units = Uint16Array.from([0x61, 0xd83d, 0x62, 0xde00, 0xd83d, 0xde00]);
    const bytes = Buffer.concat([Buffer.from(units.buffer), Buffer.from([7])]);
    const expected = Buffer.concat([
      ...[Buffer.from("a"), Buffer.from([0xff]), Buffer.from("b"), Buffer.from([0xff])],
      ...[Buffer.from("\u{1f600}"), Buffer.from([0xff])],
    ]);
    for (let at = 0; at <= bytes.length; at++)
      expect(await decode(cut(bytes, [at]), "utf-16le")).toEqual(expected);
  });
});

const features = featuresSchema.parse([{ kind: "id", name: "t", vocabulary: {} }]);

async function learned(source: SourceInput): Promise<{ words: readonly string[]; bad: string[] }> {
  const cacheDir = mkdtempSync(join(folder, "cache-"));
  const data = dataSchema.parse({ train: source, label: "y", cacheDir, maxBadRows: 1 });
  const { features: fitted, splits } = await prepareData({ data, features });
  expect(readdirSync(join(cacheDir, "tmp"))).toEqual([]);
  const rows = Array.from(readQuarantine(splits.train.quarantinePath));
  return {
    words: [...fitted.vocabularies.t].sort(),
    bad: rows.map(({ file, line }) => `${file}:${line}`),
  };
}

describe("files in another encoding", () => {
  const words = ["\u{1f600}", "\u00e9", "\u20ac", "\u4e2d", "plain"];
  const content = (list: readonly string[]) => `t,y\n${list.map((word) => `${word},1\n`).join("")}`;

  it.each<[string, SourceInput["encoding"], (text: string) => Buffer]>([
    ["le.csv", "utf-16", littleEndian],
    ["be.csv", "utf-16", bigEndian],
    ["marked.csv", "utf-16", (text) => bigEndian(`\ufeff${text}`)],
    ["named.csv", "utf-16be", bigEndian],
    ["packed.csv.gz", "utf-16", (text) => gzipSync(bigEndian(text))],
  ])("%s in %s has the texts of its characters", async (name, encoding, write) => {
    const path = join(folder, name);
    writeFileSync(path, write(content(words)));
    expect(await learned({ path, encoding })).toEqual({ words: [...words].sort(), bad: [] });
  });

  it("have every character of windows-1252, and bytes 0x80 to 0x9F in latin-1", async () => {
    const path = join(folder, "bytes.csv");
    writeFileSync(path, Buffer.from(content(["\x80", "\x93", "\u00e9"]), "latin1"));
    expect((await learned({ path, encoding: "windows-1252" })).words).toEqual(["\u00e9", "\u201c", "\u20ac"]);
    expect((await learned({ path, encoding: "latin-1" })).words).toEqual(["\x80", "\x93", "\u00e9"]);
  });

  it("keep their names and lines for refused rows, and lose rows that have half a character", async () => {
    const parts = ["part-1.csv", "part-2.csv"].map((name) => join(folder, name));
    writeFileSync(parts[0], bigEndian(content(["a", "b,1", "c"])));
    writeFileSync(parts[1], littleEndian(`${content(['"d\nd"', "x\ud83d", "\u{1f600}"])}e,7\n`));
    const path = join(folder, "part-*.csv");
    const { words: found, bad } = await learned({ path, encoding: "utf-16" });
    expect(found).toEqual(["a", "c", "d\nd", "e", "\u{1f600}"]);
    expect(bad.sort()).toEqual([`${parts[0]}:3`, `${parts[1]}:4`, `${parts[1]}:6`]);
  });

  it("are read when scoring", async () => {
    const path = join(folder, "scan.csv");
    writeFileSync(path, bigEndian(content(["a", "\u{1f600}", "x\ud83d"])));
    const fitted = fitFeatures(features, { vocabularies: { t: ["\u{1f600}"] }, numbers: {} });
    const source = sourceSchema.parse({ path, encoding: "utf-16" });
    const read: unknown[] = [];
    const bad: unknown[] = [];
    for await (const { passthrough, malformedRows } of scanSource(source, fitted, { passthrough: ["t"] })) {
      read.push(...passthrough.get("t")!);
      bad.push(...malformedRows.map(({ file, line }) => [file, line]));
    }
    expect(read).toEqual(["a", "\u{1f600}"]);
    expect(bad).toEqual([[path, 4]]);
  });

  it("of which the first line is none of the encoding are named", async () => {
    const path = join(folder, "odd.csv");
    writeFileSync(path, littleEndian(`t\ud83d,y\n1,1\n`));
    await expect(learned({ path, encoding: "utf-16" })).rejects.toThrow(
      `the first line of the text file is not UTF-16\n  got:      ${path}\n`,
    );
  });
});
