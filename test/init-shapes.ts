import { gzipSync } from "node:zlib";
import { drawKey, drawUnit } from "../src/random.js";

/** Tables as people have them, small ones: every one of them must give a config that trains. */
export interface Shape {
  readonly file: string;
  readonly content: string | Buffer;
  readonly label?: string;
  readonly columns?: string;
}

/** A Parquet file as DuckDB writes it. */
export interface ParquetShape {
  /** A SELECT of the rows. */
  readonly sql: string;
}

type Cell = string | number | boolean | null | readonly unknown[];
export type Row = Readonly<Record<string, Cell>>;

/** Uniform in [0, 1), the same in every run. */
const unit = (row: number, column: number): number => drawUnit(drawKey(1, 2, column), row);

/** Clicks that depend on user and item; `label` turns 0 and 1 into what a file has. */
export function clicks(
  count: number,
  label: (clicked: number, row: number) => Cell = (clicked) => clicked,
): Row[] {
  return Array.from({ length: count }, (_, row) => {
    const [user, item] = [Math.floor(9 * unit(row, 0)), Math.floor(14 * unit(row, 1))];
    const clicked = unit(row, 2) < ((user + item) % 2 === 0 ? 0.75 : 0.2) ? 1 : 0;
    return {
      user: `u${user}`,
      item: `i${item}`,
      price: Number((100 * unit(row, 3) ** 3).toFixed(2)),
      clicked: label(clicked, row),
    };
  });
}

export function delimited(rows: readonly Row[], { delimiter = ",", header = true } = {}): string {
  const cell = (value: Cell) => {
    const text = value === null ? "" : String(value);
    return /["\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const names = Object.keys(rows[0]);
  const lines = rows.map((row) => names.map((name) => cell(row[name])).join(delimiter));
  return [...(header ? [names.map(cell).join(delimiter)] : []), ...lines, ""].join("\n");
}

const jsonLines = (rows: readonly Row[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

const csv = (rows: readonly Row[], label = "clicked"): Shape => ({
  file: "rows.csv",
  content: delimited(rows),
  label,
});
const withColumns = (count: number, more: (row: number, clicked: number) => Row): Row[] =>
  clicks(count).map((row, i) => ({ ...row, ...more(i, row.clicked as number) }));

const START = Date.UTC(2024, 0, 1);
const timeOf = (row: number) => new Date(START + row * 3_600_000);
const HOSTILE = [
  'say "hi"',
  "it's",
  "back\\slash",
  "new\nline",
  "два слова",
  "class",
  "constructor",
  "a.b",
  "1st",
  "*/",
  "`tick`",
  "-- --",
  "名前",
  "__proto_",
];

export const SHAPES: Readonly<Record<string, Shape>> = {
  "csv with a header": csv(clicks(120)),
  "csv without a header": {
    file: "rows.csv",
    content: delimited(clicks(120), { header: false }),
    label: "column3",
  },
  "csv without a header, with names": {
    file: "rows.data",
    content: delimited(clicks(120), { header: false }),
    label: "clicked",
    columns: "user,item,price,clicked",
  },
  "csv with comments above": {
    file: "rows.csv",
    content: `# made on Monday\n\n${delimited(clicks(120))}`,
    label: "clicked",
  },
  "csv with spaces behind commas": {
    file: "rows.csv",
    content: delimited(clicks(120)).replaceAll(",", ", "),
    label: "clicked",
  },
  tsv: { file: "rows.tsv", content: delimited(clicks(120), { delimiter: "\t" }), label: "clicked" },
  "semicolons and decimal commas": {
    file: "rows.csv",
    content: delimited(clicks(120), { delimiter: ";" }).replaceAll(/(\d)\.(\d)/g, "$1,$2"),
    label: "clicked",
  },
  "json lines": { file: "rows.jsonl", content: jsonLines(clicks(120)), label: "clicked" },
  "json list": { file: "rows.json", content: JSON.stringify(clicks(120)), label: "clicked" },
  "gzipped csv": { file: "rows.csv.gz", content: gzipSync(delimited(clicks(120))), label: "clicked" },
  "two colons": {
    file: "rows.dat",
    content: delimited(clicks(120), { delimiter: "::", header: false }),
    label: "column3",
  },
  "spaces between columns": {
    file: "rows.txt",
    content: delimited(clicks(120), { delimiter: " " }),
    label: "clicked",
  },
  "separators at the ends of lines": {
    file: "rows.csv",
    content: delimited(clicks(120)).replace(/(?<!clicked)\n/g, ",\n"),
    label: "clicked",
  },
  "a header and other names": {
    file: "rows.csv",
    content: delimited(clicks(120)),
    label: "y",
    columns: "a,b,c,y",
  },
  "a json list with a byte order mark": {
    file: "rows.json",
    content: `\ufeff${JSON.stringify(clicks(120))}`,
    label: "clicked",
  },
  "no extension": { file: "rows", content: delimited(clicks(120)), label: "clicked" },
  "windows-1252": {
    file: "rows.csv",
    content: Buffer.from(delimited(withColumns(120, (i) => ({ town: ["Köln", "Zürich"][i % 2] }))), "latin1"),
    label: "clicked",
  },
  "utf-16": {
    file: "rows.csv",
    content: Buffer.from(`\ufeff${delimited(clicks(120))}`, "utf16le"),
    label: "clicked",
  },
  "windows line ends": {
    file: "rows.csv",
    content: delimited(clicks(120)).replaceAll("\n", "\r\n"),
    label: "clicked",
  },
  "label yes and no": csv(clicks(120, (clicked) => (clicked ? "yes" : "no"))),
  "label 1 and 2": csv(clicks(120, (clicked) => clicked + 1)),
  "label -1 and 1": csv(clicks(120, (clicked) => 2 * clicked - 1)),
  "label true and false": csv(clicks(120, (clicked) => clicked === 1)),
  "label words": csv(clicks(120, (clicked) => (clicked ? "it's > 50" : "other"))),
  "label in several spellings": csv(
    clicks(120, (clicked, row) => ["no", "No ", "yes", "YES"][2 * clicked + (row % 2)]),
  ),
  "label true, false and numbers": csv(
    clicks(120, (clicked, row) => ["0", "false", "1", "true"][2 * clicked + (row % 2)]),
  ),
  "label 0 and a word": csv(clicks(120, (clicked) => (clicked ? "sale" : 0))),
  "label missing in some rows": csv(clicks(120, (clicked, row) => (row % 5 === 0 ? null : clicked))),
  "label in json": {
    file: "rows.jsonl",
    content: jsonLines(clicks(120, (clicked) => (clicked ? "Y" : "N"))),
    label: "clicked",
  },
  "boolean label in json": {
    file: "rows.jsonl",
    content: jsonLines(clicks(120, (clicked) => clicked === 1)),
    label: "clicked",
  },
  ratings: csv(
    clicks(120, (clicked, row) => Math.min(5, 1 + 2 * clicked + (row % 3))).map((row) => ({
      ...row,
      rating: row.clicked,
      clicked: null,
    })),
    "rating",
  ),
  counts: csv(clicks(120, (clicked, row) => (clicked ? (row % 2) * (row % 30) : 0))),
  classes: csv(clicks(120, (clicked, row) => ["red", "green", "blue"][clicked + (row % 2)])),
  "numbered classes": csv(clicks(120, (clicked, row) => clicked + (row % 2))),
  "a number to predict": csv(clicks(120, (clicked, row) => 1e5 * (clicked + unit(row, 7)))),
  "a rare label": csv(clicks(3000, (clicked, row) => (clicked === 1 && row % 40 === 0 ? 1 : 0))),
  "guessed label": { file: "rows.csv", content: delimited(clicks(120)) },
  "a time": csv(withColumns(120, (i) => ({ created_at: timeOf(i).toISOString() }))),
  "columns that are new": {
    file: "rows.jsonl",
    content: jsonLines(
      withColumns(120, (i) => ({
        created_at: timeOf(i).toISOString(),
        v: i % 3,
        campaign: i > 100 ? `c${i % 3}` : null,
        score: i > 100 ? i / 7 : null,
        tags: i > 100 ? ["a", `b${i % 3}`] : [],
        none: [],
      })),
    ),
    label: "clicked",
  },
  "a time in seconds": csv(withColumns(120, (i) => ({ ts: timeOf(i).getTime() / 1000 }))),
  "American dates": csv(
    withColumns(120, (i) => ({
      date: `${timeOf(i).getUTCMonth() + 1}/${timeOf(i).getUTCDate()}/2024 10:0${i % 10}`,
    })),
  ),
  "dates with names of months": csv(
    withColumns(120, (i) => ({
      at: timeOf(i).toUTCString(),
      noon: `${timeOf(i).getUTCMonth() + 1}/${timeOf(i).getUTCDate()}/2024 ${(i % 12) + 1}:30 ${i % 2 ? "AM" : "PM"}`,
    })),
  ),
  "a time with all clicks at its start": csv(
    withColumns(120, (i) => ({ when: timeOf(i).toISOString(), clicked: i < 60 ? i % 2 : 0 })),
  ),
  "bags of tags": csv(
    withColumns(120, (i) => ({ tags: [`a${i % 5}`, `b${i % 3}`, `a${i % 2}`].slice(i % 3).join("|") })),
  ),
  "weighted bags": csv(withColumns(120, (i) => ({ tags: [`a${i % 5}:0.5`, `b${i % 3}:2`].join(";") }))),
  "lists in json": {
    file: "rows.jsonl",
    content: jsonLines(
      withColumns(120, (i) => ({
        tags: [`a${i % 5}`, `b${i % 3}`],
        vector: [i / 7, i / 3],
        nested: [{ x: 1 }],
      })),
    ),
    label: "clicked",
  },
  "lists as texts": csv(withColumns(120, (i) => ({ tags: JSON.stringify([`a${i % 5}`, `b${i % 3}`]) }))),
  sentences: csv(
    withColumns(120, (i) => ({ title: `the ${["quick", "slow", "old"][i % 3]} fox number ${i} jumps` })),
  ),
  "words for missing values": csv(
    withColumns(120, (i) => ({
      age: i % 7 === 0 ? "?" : i % 60,
      state: i % 3 === 0 ? "NULL" : "ok",
      size: i % 50 === 0 ? "unknown" : i / 10,
    })),
  ),
  "numbers with signs": csv(
    withColumns(120, (i) => ({
      cost: `$${(1000 + 37 * i).toLocaleString("en-US")}.50`,
      discount: `${i % 40} %`,
      visits: (i * i * i).toLocaleString("en-US"),
      lists: `${100 + (i % 5)},${200 + (i % 7)}`,
    })),
  ),
  "useless columns": csv(
    withColumns(120, (i, clicked) => ({
      id: `row-${i}`,
      same: "x",
      none: null,
      leak: clicked ? "bought" : "left",
      row_id: i,
    })),
  ),
  "only a leak": csv(clicks(120).map(({ clicked }) => ({ clicked, copy: clicked ? "a" : "b" }))),
  "hostile names": csv(
    withColumns(120, (i) => Object.fromEntries(HOSTILE.map((name, k) => [name, `v${(i + k) % 4}`]))),
  ),
  "hostile label": csv(
    clicks(120).map(({ clicked, ...row }) => ({ ...row, 'the "label"': clicked ? "it's" : "isn't" })),
    'the "label"',
  ),
  "large integers": csv(
    withColumns(120, (i) => ({
      visitor: `${9_007_199_254_740_993n + BigInt(i % 20)}`,
      zip: `0${1000 + (i % 30)}`,
    })),
  ),
  "a handful of rows": csv(clicks(12)),
  "forty rows": csv(clicks(40)),
  "two columns": csv(clicks(120).map(({ user, clicked }) => ({ user, clicked }))),
  "malformed rows": {
    file: "rows.csv",
    content: delimited(clicks(120)).replace(/\n/g, (end, at) => (at % 70 === 0 ? ",x,y\n" : end)),
    label: "clicked",
  },
};

const parquet = (columns: string, label = "i % 9 % 2 = i % 14 % 2"): ParquetShape => ({
  sql: `SELECT 'u' || (i % 9) AS "user", 'i' || (i % 14) AS item, ${columns}, ${label} AS clicked FROM range(120) rows(i)`,
});
const FROM_2024 = "TIMESTAMP '2024-01-01 00:30:00' + INTERVAL (i) HOUR";

export const PARQUET_SHAPES: Readonly<Record<string, ParquetShape>> = {
  "Parquet with numbers": parquet("i / 7 AS price, CAST(i % 5 AS TINYINT) AS stars, CAST(i AS FLOAT) AS f"),
  "Parquet with lists": parquet(
    "['a' || (i % 5), 'b' || (i % 3)] AS tags, [i % 4, i % 5] AS numbers, [i / 7, i / 3] AS vector, [[i]] AS nested",
  ),
  "Parquet with maps and structs": parquet(
    "MAP {'a' || (i % 5): i % 3 + 0.5} AS weights, {'x': i} AS struct",
  ),
  "Parquet with timestamps": parquet(
    `${FROM_2024} AS at, CAST(${FROM_2024} AS DATE) AS day, CAST(${FROM_2024} AS TIMESTAMPTZ) AS zoned, CAST(${FROM_2024} AS TIME) AS clock`,
  ),
  "Parquet with decimals": parquet(
    "CAST(i / 7 AS DECIMAL(9, 2)) AS price, CAST(i / 7 AS DECIMAL(38, 10)) AS long",
    "CAST(i % 2 AS DECIMAL(4, 1))",
  ),
  "Parquet with large integers": parquet(
    "CAST(9007199254740993 + i % 20 AS UBIGINT) AS visitor, CAST(i AS HUGEINT) AS huge",
  ),
  "Parquet with other types": parquet(
    "i % 3 = 0 AS flag, CAST('x' || (i % 4) AS BLOB) AS bytes, uuid() AS id, CAST(NULL AS INTEGER) AS none",
    "CASE WHEN i % 2 = 0 THEN 'yes' ELSE 'no' END",
  ),
  "Parquet with missing and infinite numbers": parquet(
    "CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'nan'::DOUBLE WHEN 2 THEN 'inf'::DOUBLE ELSE i / 7 END AS x",
  ),
};
