import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FloatColumn } from "../columns/columns.js";
import { DataError } from "../errors.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { type DataInput, dataSchema } from "./data-config.js";
import { packInto } from "./pack/prepared.js";
import { Quarantine, readQuarantine } from "./pack/quarantine.js";
import { prepareData } from "./prepare.js";
import { Duck, quoteText } from "./source/duckdb.js";

/** Sources that break while they are read: a run must stop, not train on the part before the fault. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-failures-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const user: FeatureInput = { kind: "id", name: "user", hash: 10 };

function prepare(data: DataInput, features: FeatureInput[] = [user]) {
  const parsed = dataSchema.parse({ cacheDir: join(folder, "cache"), maxBadRows: 1, ...data });
  return prepareData({ data: parsed, features: featuresSchema.parse(features) });
}

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function errorOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.unreachable("no error"),
    (error) => error,
  );
}

it.each([
  ["little-endian without a mark", "", false, 'Set encoding: "utf-16", or convert it with iconv -f UTF-16LE'],
  [
    "little-endian with a mark",
    "\ufeff",
    false,
    'Set encoding: "utf-16", or convert it with iconv -f UTF-16LE',
  ],
  ["big-endian without a mark", "", true, 'Set encoding: "utf-16", or convert it with iconv -f UTF-16BE'],
  ["big-endian with a mark", "\ufeff", true, 'Set encoding: "utf-16", or convert it with iconv -f UTF-16BE'],
])("stops at a file in UTF-16, %s, with advice that can be followed", async (_, mark, isBig, next) => {
  const bytes = Buffer.from(`${mark}user,y\na,1\nb,0\n`, "utf16le");
  const path = write("utf16.csv", isBig ? bytes.swap16() : bytes);
  expect((await errorOf(prepare({ train: { path }, label: "y" }))).message).toContain(next);
  const read = await prepare({ train: { path, encoding: "utf-16" }, label: "y" });
  expect(read.splits.train.rows).toBe(2);
  const json = write(
    "utf16.json",
    isBig ? Buffer.from('{"y":1}', "utf16le").swap16() : Buffer.from('{"y":1}', "utf16le"),
  );
  expect((await errorOf(prepare({ train: { path: json }, label: "y" }))).message).toContain(
    "next:     Convert it",
  );
});

it("stops at SQL that reads the clock, also under the name of the column that a feature reads", async () => {
  const path = write("clock.csv", "user,y\na,1\nb,0\n");
  const sql = "SELECT t AS current_date, y FROM (SELECT current_date::VARCHAR AS t, y FROM source)";
  const feature: FeatureInput = { kind: "id", name: "current_date", hash: 10 };
  const error = await errorOf(prepare({ train: { path, sql }, label: "y" }, [feature]));
  expect(error.message).toContain("data.train.sql: the SQL gives other rows each time it runs");
  const dated = write("dated.csv", "current_date,y\na,1\nb,0\n");
  expect((await prepare({ train: { path: dated, sql }, label: "y" }, [feature])).splits.train.rows).toBe(2);
});

describe("a source that fails after many good rows", () => {
  const goodLines = Array.from({ length: 100_000 }, (_, i) => `{"user":"u${i}","y":${i % 2}}`).join("\n");

  it("stops at a malformed line of JSON", async () => {
    const path = write("late.jsonl", `${goodLines}\n{"user":\n`);
    const error = await errorOf(prepare({ train: { path }, label: "y" }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/data\.train: [\s\S]*JSON[\s\S]*late\.jsonl/);
  });

  it.each([1, 2, 20, 25])("names the line %i of malformed JSON", async (line) => {
    for (const bad of ['"\\ud800"', '"a" "b"', "tru", "[1"]) {
      const users = Array.from({ length: 25 }, (_, i) => (i + 1 === line ? bad : `"u${i}"`));
      const path = write(`line${line}.jsonl`, users.map((user) => `{"user":${user},"y":1}\n`).join(""));
      const { message } = await errorOf(prepare({ train: { path }, label: "y" }));
      expect(message).toMatch(new RegExp(`(line|record/value) ${line}:`));
    }
  });

  it("counts blank lines too in front of malformed JSON", async () => {
    const bad = '{"user":"\\ud800","y":1}';
    for (const [name, line, text] of [
      ["blank.jsonl", 5, ['{"user":"a","y":1}', "", "\t", "", bad, ""].join("\n")],
      ["crlf.jsonl", 5, ['{"user":"a","y":1}', "", '{"user":"b","y":1}', " ", bad, ""].join("\r\n")],
      ["late.jsonl", 300_001, `${goodLines.replaceAll("\n", "\n\n\n")}\n\n\n${bad}\n`],
    ] as const) {
      const { message } = await errorOf(prepare({ train: { path: write(name, text) }, label: "y" }));
      expect(message).toMatch(new RegExp(`${name}", at byte \\d+ in line ${line}:`));
    }
  });

  it("goes on after a value of JSON that does not fit its column, without the row", async () => {
    const path = write("type.jsonl", `${goodLines}\n{"user":"a","y":"bad"}\n`);
    const { splits } = await prepare({ train: { path }, label: "y" });
    expect([splits.train.rows, splits.train.reasons]).toEqual([
      100_000,
      { "@label: not a finite number": 1 },
    ]);
  });

  it("stops at a corrupt row group of Parquet", async () => {
    const path = join(folder, "corrupt.parquet");
    const duck = await Duck.open("");
    await duck.run(
      `COPY (SELECT md5(i::VARCHAR) AS user, i % 2 AS y FROM range(200000) r(i))
       TO ${quoteText(path)} (FORMAT parquet, ROW_GROUP_SIZE 20480)`,
      "test",
    );
    const [[page]] = await duck.rows(
      `SELECT max(data_page_offset) FROM parquet_metadata(${quoteText(path)}) WHERE path_in_schema = 'user'`,
      "test",
    );
    duck.close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, Number(page), Number(page) + 40);
    writeFileSync(path, bytes);
    const error = await errorOf(prepare({ train: { path }, label: "y" }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/^data\.train: /);
  });

  it("stops at an error of the SQL, and leaves nothing packed", async () => {
    const rows = [{ user: "a", y: 1 }];
    const sql = `SELECT 'u' || i AS user, CASE WHEN i = 250000 THEN error('on row 250000') ELSE i % 2 END AS y
                 FROM range(300000) r(i)`;
    const cacheDir = join(folder, "sql-cache");
    const error = await errorOf(prepare({ train: { rows, sql }, label: "y", cacheDir }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/data\.train: [\s\S]*on row 250000/);
    expect(readdirSync(join(cacheDir, "packed"))).toEqual([]);
  });
});

describe("Duck.stream", () => {
  it("can be left early and used again", async () => {
    const duck = await Duck.open("");
    for await (const _ of duck.stream("SELECT * FROM range(1000000)", "test")) break;
    expect(await duck.rows("SELECT 7", "test")).toEqual([["7"]]);
    await expect(duck.rows("SELECT nope", "test")).rejects.toThrow(/nope/);
    expect(await duck.rows("SELECT 8", "test")).toEqual([["8"]]);
    duck.close();
  });

  it("shows DuckDB's message without the statement around it", async () => {
    const duck = await Duck.open("");
    const error = await errorOf(duck.rows("SELECT nope FROM range(3)", "here"));
    expect(error.message).not.toMatch(/COLUMNS|LINE 1/);
    duck.close();
  });
});

describe("splits and folders", () => {
  const good = "user,y\na,1\nb,0\n";

  it("refuses a split of which no row can be used, whatever maxBadRows", async () => {
    const path = write("none.csv", "user,y,v\na,,1\nb,,1\nc,1,2\n");
    const split = { train: "v = 2", valid: "v = 1" };
    const error = await errorOf(prepare({ source: { path }, split, label: "y" }));
    expect(error.message).toMatch(/every row of valid was refused[\s\S]*2 of 2 rows/);
  });

  it("says which split is empty before anything is learnt from it", async () => {
    const path = write("empty-split.csv", "user,y,v\na,1,1\n");
    const learns: FeatureInput = { kind: "id", name: "user", vocabulary: {} };
    const train = prepare({ source: { path }, split: { train: "v = 9" }, label: "y" }, [learns]);
    expect((await errorOf(train)).message).toMatch(/data\.split\.train: the split train has no rows/);
    const sql = "SELECT * FROM source WHERE v = 9";
    const valid = prepare({ train: { path }, valid: { path, sql }, label: "y" }, [learns]);
    expect((await errorOf(valid)).message).toMatch(/data\.valid: the split valid has no rows/);
  });

  it("packs the same data twice at once", async () => {
    const path = write("twice.csv", good);
    const cacheDir = join(folder, "twice-cache");
    const runs = Array.from({ length: 4 }, () => prepare({ train: { path }, label: "y", cacheDir }));
    const prepared = await Promise.all(runs);
    expect(new Set(prepared.map(({ directory }) => directory)).size).toBe(1);
    expect(prepared.map(({ splits }) => splits.train.rows)).toEqual([2, 2, 2, 2]);
    expect(readdirSync(join(cacheDir, "packed"))).toHaveLength(1);
    expect(readdirSync(join(cacheDir, "tmp"))).toEqual([]);
  });

  it("removes what killed runs left, and nothing else", async () => {
    const { pid: dead } = spawnSync(process.execPath, ["-e", ""]);
    const id = "0123abcd-0123-4abc-8def-0123456789ab";
    const left = [`k.${hostname()}.${dead}.${id}.partial`];
    const others = [
      `k.${hostname()}.${process.pid}.${id}.partial`,
      `k.elsewhere.${dead}.${id}.partial`,
      "k.failed",
    ];
    const cacheDir = join(folder, "left-cache");
    for (const name of [...left, ...others]) mkdirSync(join(cacheDir, "packed", name), { recursive: true });
    const { directory } = await prepare({ train: { path: write("left.csv", good) }, label: "y", cacheDir });
    expect(readdirSync(join(cacheDir, "packed")).sort()).toEqual([...others, basename(directory)].sort());
  });

  it("names a cacheDir that is a file", async () => {
    const cacheDir = write("file", "");
    const error = await errorOf(prepare({ train: { path: write("f.csv", good) }, label: "y", cacheDir }));
    expect(error.message).toMatch(/data\.cacheDir: [\s\S]*file/);
  });
});

describe("text files", () => {
  it("counts malformed rows by what is wrong, not by the value", async () => {
    const bad = Array.from({ length: 50 }, (_, i) => `a,x${i},1\n`).join("");
    const path = write("bad.csv", `user,n,y\n${"a,1,1\n".repeat(50)}${bad}a,1\na,1,1,1\na,1,1,1,1\n`);
    const number: FeatureInput = { kind: "number", name: "n" };
    const { splits } = await prepare({ train: { path }, label: "y" }, [number]);
    expect([splits.train.rows, splits.train.quarantined]).toEqual([50, 53]);
    expect(Object.values(splits.train.reasons).sort()).toEqual([3, 50]);
    expect(Object.keys(splits.train.reasons).join()).toMatch(/n: not a finite number/);
  });

  it("names UTF-16 and folders", async () => {
    const utf16 = write("wide.csv", Buffer.from("\ufeffuser,y\na,1\n", "utf16le"));
    expect((await errorOf(prepare({ train: { path: utf16 }, label: "y" }))).message).toMatch(/UTF-16/);
    mkdirSync(join(folder, "folder.csv"));
    const error = await errorOf(prepare({ train: { path: join(folder, "folder.csv") }, label: "y" }));
    expect(error.message).toMatch(/the path is a folder/);
  });

  it("is short where the layout cannot be told", async () => {
    const path = write("stray.csv", `user,y\n"unclosed,1\n${"a,1\n".repeat(20)}`);
    const error = await errorOf(prepare({ train: { path }, label: "y" }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/stray\.csv[\s\S]*quote/);
    expect(error.message.length).toBeLessThan(800);
  });

  it("counts the lines that an unclosed quote makes malformed, or names its line", async () => {
    const text = (after: number) => `user,y\n${"a,1\n".repeat(5000)}"unclosed,1\n${"b,1\n".repeat(after)}`;
    const { splits } = await prepare({ train: { path: write("few.csv", text(9)) }, label: "y" });
    expect([splits.train.rows, splits.train.quarantined]).toEqual([5000, 10]);
    const lines = readFileSync(splits.train.quarantinePath, "utf8").trim().split("\n");
    expect(JSON.parse(lines[9])).toMatchObject({ line: 5011, value: "b,1" });
    const error = await errorOf(prepare({ train: { path: write("many.csv", text(5000)) }, label: "y" }));
    expect(error.message).toMatch(/not closed[\s\S]*many\.csv, line 5002: "unclosed,1/);
  });

  it("ignores empty fields after the last column, and no other ones", async () => {
    const path = write("ends.csv", 'user,y\na,1,\nb,0,,\nc,1,""\nd,0\ne,1,x\nf,1, \n');
    const { splits } = await prepare({ train: { path }, label: "y" });
    expect([splits.train.rows, splits.train.quarantined]).toEqual([4, 2]);
    const { data, offset, stride } = splits.train.columns.get("@label") as FloatColumn;
    expect([0, 1, 2, 3].map((row) => data[offset + row * stride])).toEqual([1, 0, 1, 0]);
    expect(readQuarantine(splits.train.quarantinePath).map(({ line }) => line)).toEqual([6, 7]);
  });

  it("takes no underscore in a number", async () => {
    const rows = ["1_0", "10"].map((n) => ({ n, y: 1 }));
    const number: FeatureInput = { kind: "number", name: "n" };
    const { splits } = await prepare({ train: { rows }, label: "y" }, [number]);
    expect(splits.train.reasons).toEqual({ "n: not a finite number": 1 });
  });
});

describe("lists that are refused", () => {
  const vector: FeatureInput = { kind: "number", name: "v", width: 2 };
  const buckets: FeatureInput = { kind: "ids", name: "v", buckets: 9 };
  const words: FeatureInput = { kind: "ids", name: "v", hash: 99 };
  const weighted: FeatureInput = { kind: "ids", name: "v", hash: 99, weighted: true };

  /** The refused values of `v`. */
  async function refused(path: string, feature: FeatureInput) {
    const { splits } = await prepare({ train: { path }, label: "y" }, [feature]);
    return readQuarantine(splits.train.quarantinePath).map(({ value }) => value);
  }

  it.each<[string, FeatureInput, string, string]>([
    ["words of a vector", vector, '[1,"x"]', "1,x"],
    ["words of a text", vector, '"1,x"', "1,x"],
    ["words among buckets", buckets, '[1,"x",[2]]', "1,x,[2]"],
    ["a broken list of buckets", buckets, '"[1,2"', "[1,2"],
    ["a broken list of words", words, '"[a,b"', "[a,b"],
    ["a broken list with weights", weighted, '"[a:2,b"', "[a:2,b:1"],
    ["a word as a weight", weighted, '{"a":"x","b":2}', "a:x,b:2"],
    ["a word as the weight of a text", weighted, '["a:x","b"]', "a:x,b:1"],
  ])("show %s in JSON as they are written", async (name, feature, json, shown) => {
    const good = feature === vector ? "[1,2]" : '"1"';
    const path = write(`${name}.jsonl`, `{"v":${good},"y":1}\n{"v":${json},"y":0}\n`);
    expect(await refused(path, feature)).toEqual([shown]);
  });

  it("show brackets of a CSV file that are no list", async () => {
    const cells = ["[1,2", "{}", '{"a":1}', "1,2]", "[1],2"];
    const rows = cells.map((cell) => `"${cell.replaceAll('"', '""')}",0\n`);
    const path = write("brackets.csv", `v,y\n1,1\n${rows.join("")}`);
    for (const feature of [buckets, words, weighted]) expect(await refused(path, feature)).toEqual(cells);
  });
});

it("names the packed data that a disk does not take, whatever the system says", async () => {
  const directory = join(folder, "unwritten");
  const packing = (path: string) =>
    packInto(directory, async (temporary) => writeFileSync(join(temporary, path), ""));
  const error = await errorOf(packing("no/file"));
  expect(error).toBeInstanceOf(DataError);
  expect(error.message).toMatch(/unwritten: packed data cannot be written\n.*ENOENT.*\n.*data\.cacheDir/);
  const elsewhere = packInto(directory, async () => void readFileSync(join(folder, "no-vocabulary")));
  expect((await errorOf(elsewhere)).message).toMatch(/^ENOENT.*no-vocabulary/);
  expect((await errorOf(packInto(join(folder, "no/packed"), async () => {}))).message).toMatch(
    /cannot be written/,
  );
});

it("has an error of the file of refused rows for who writes to it or closes it, and not for the process", async () => {
  for (const use of [
    (file: Quarantine) => file.add({ reason: "x", value: null }),
    (file: Quarantine) => file.close(),
  ]) {
    const file = new Quarantine(folder);
    await new Promise((done) => setTimeout(done, 50));
    expect((await errorOf(use(file))).message).toMatch(/EISDIR/);
  }
});
