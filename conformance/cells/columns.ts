import fc from "fast-check";

/** Columns of random values of every type of DuckDB, with the edges of each type. */

/** One value as every format holds it; `null` is a missing value. */
export type Cell = {
  /** A SQL literal of the column's type. */
  readonly sql: string;
  /** What a caller in JavaScript holds. */
  readonly js: unknown;
  /** A field of a CSV file. */
  readonly text: string;
  /** A value in a JSON file. */
  readonly json: string;
} | null;

export interface CellType {
  readonly type: string;
  readonly cells: fc.Arbitrary<Cell>;
}

const sqlText = (text: string) => `'${text.replaceAll("'", "''")}'`;
const cast = (text: string, type: string) => `CAST(${sqlText(text)} AS ${type})`;

function integers(type: string, least: bigint, most: bigint): CellType {
  const edges = [
    least,
    least + 1n,
    -(2n ** 53n),
    -1n,
    0n,
    1n,
    3n,
    200n,
    2n ** 53n - 1n,
    2n ** 53n + 1n,
    most - 1n,
    most,
  ];
  const inside = edges.filter((n) => n >= least && n <= most);
  const any = fc.oneof(fc.constantFrom(...inside), fc.bigInt({ min: least, max: most }), small(least));
  return { type, cells: any.map((n) => integerCell(n, type)) };
}

const small = (least: bigint) => fc.bigInt({ min: least < 0n ? -3n : 0n, max: 60n });

function integerCell(n: bigint, type: string): Cell {
  const digits = String(n);
  const js = Number.isSafeInteger(Number(n)) ? Number(n) : n;
  return { sql: cast(digits, type), js, text: digits, json: digits };
}

/** A decimal as a caller holds it: a number if that keeps every digit, else a text. */
function decimals(precision: number, scale: number): CellType {
  const type = `DECIMAL(${precision},${scale})`;
  const most = 10n ** BigInt(precision) - 1n;
  const edges = [0n, 1n, -1n, 10n ** BigInt(scale), 15n * 10n ** BigInt(Math.max(scale - 1, 0)), most, -most];
  const inside = edges.filter((n) => n <= most);
  const any = fc.oneof(
    fc.constantFrom(...inside),
    fc.bigInt({ min: -most, max: most }),
    fc.bigInt({ min: -999n, max: 999n }),
  );
  return { type, cells: any.map((unscaled) => decimalCell(unscaled, scale, type)) };
}

function decimalCell(unscaled: bigint, scale: number, type: string): Cell {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const sign = unscaled < 0n ? "-" : "";
  const whole = `${sign}${digits.slice(0, digits.length - scale)}`;
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, "");
  const text = fraction === "" || scale === 0 ? whole : `${whole}.${fraction}`;
  const isShort = digits.replace(/^0+/, "").length <= 15;
  const exact = scale === 0 && !isShort ? BigInt(whole) : text;
  return {
    sql: cast(text, type),
    js: isShort ? Number(text) : exact,
    text,
    json: isShort ? text : `"${text}"`,
  };
}

const DOUBLES = [
  ...[
    0,
    -0,
    1,
    -1,
    3,
    0.1,
    0.2,
    0.3,
    0.5,
    0.7,
    1.5,
    1e-4,
    1e-5,
    9.999e-5,
    1e-7,
    123456.789,
    16777217,
    2 ** 53 - 1,
  ],
  ...[
    2 ** 53,
    -(2 ** 53),
    2 ** 53 + 2,
    2 ** 63,
    1e20,
    1e21,
    1e300,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    5e-310,
  ],
  ...[2.2250738585072014e-308, 3.4028234663852886e38, 3.5e38, 1.401298464324817e-45, 1.1754943508222875e-38],
  ...[
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Math.fround(0.1),
    Math.fround(0.7),
    2 ** -44,
  ],
];

function floats(type: "FLOAT" | "DOUBLE"): CellType {
  const round = type === "FLOAT" ? Math.fround : (x: number) => x;
  const any = fc.oneof(
    fc.constantFrom(...DOUBLES),
    fc.double(),
    fc.float(),
    fc.integer({ min: -2000, max: 2000 }).map((n) => n / 8),
  );
  return { type, cells: any.map((x) => floatCell(round(x), type)) };
}

function floatCell(x: number, type: string): Cell {
  const text = Object.is(x, -0) ? "-0.0" : String(x).replace("Infinity", "inf");
  // An integer without an exponent would be exact.
  const json = Number.isInteger(x) && !Number.isSafeInteger(x) ? x.toExponential() : text;
  return { sql: cast(text, type), js: x, text, json: Number.isFinite(x) ? json : `"${x}"` };
}

function dates(): CellType {
  const days = fc.oneof(
    fc.constantFrom(0, -1, 2932896, 2932897, -719162, 11353, 3_000_000),
    fc.integer({ min: -719_000, max: 2_940_000 }),
  );
  return {
    type: "DATE",
    cells: days.map((day) => {
      const js = new Date(day * 86_400_000);
      const [, year, rest] = /^([+-]?\d+)(-.*)T/.exec(js.toISOString())!;
      const text = `${Number(year) > 9999 ? Number(year) : year}${rest}`;
      return { sql: cast(text, "DATE"), js, text, json: `"${text}"` };
    }),
  };
}

/** @param digits of the fraction of a second */
function timestamps(type: string, digits: number): CellType {
  const micros = fc.oneof(
    fc.constantFrom(0, 500, 999, 1000, 1500, 86_400_000_000 - 1, -1, -500, -1000),
    fc.integer({ min: 0, max: 40_000 }).map((day) => day * 86_400_000_000),
    fc.integer({ min: -(10 ** 15), max: 4 * 10 ** 15 }),
  );
  const unit = 10 ** (6 - Math.min(digits, 6));
  return {
    type,
    cells: micros.map((exact) => {
      const micro = Math.floor(exact / unit) * unit;
      const milli = Math.floor(micro / 1000);
      const js = new Date(milli);
      const fraction = String(micro - Math.floor(micro / 1e6) * 1e6).padStart(6, "0");
      const text = `${js.toISOString().slice(0, 19).replace("T", " ")}.${fraction}`;
      const zone = type.endsWith("ZONE") ? "+00" : "";
      return { sql: cast(`${text}${zone}`, type), js, text: `${text}${zone}`, json: `"${text}${zone}"` };
    }),
  };
}

const SPACES = [" ", "\u00a0", "\u2003", "\t", "\n", "\r\n"];
const TEXTS = [
  ...[
    "a",
    "A",
    "007",
    "12.0",
    "12",
    "1_000",
    "1e3",
    "+5",
    "-0",
    "0x10",
    ".5",
    "5.",
    "1e400",
    "1e-400",
    "+-5",
    "nan",
    "inf",
  ],
  ...[
    "true",
    "True",
    "TRUE",
    "false",
    "yes",
    "NULL",
    "NA",
    "?",
    "null",
    "None",
    'a"b',
    "it's",
    "a,b",
    "a|b",
    "a:1",
    "a:0.5,b:2",
  ],
  ...[
    "[3, 5]",
    '["a", "b,c", null]',
    "['x', 'y']",
    "[]",
    "[ ]",
    "[1,,2]",
    "[a",
    '["a]',
    "[[1], [2]]",
    "[0.1, 0.2]",
    "a:b:3",
    "p^s:1,t:2|q^s:3",
  ],
  ...[
    "1|5",
    "3,5",
    "0.1|0.2",
    "1|x",
    "a\nb",
    "a\r\nb",
    "\u00e9\u2713",
    "\ud83d\ude00",
    "2001-01-31",
    "2001-01-31T00:00:00Z",
    "x".repeat(40),
  ],
  ...SPACES.flatMap((space) => [space, `${space}5`, `5${space}`, `a${space}`, `[${space}5${space}, 6]`]),
];

function texts(): CellType {
  const any = fc.oneof(
    fc.constantFrom(...TEXTS),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
    fc.stringMatching(/^[-+0-9.eE_ ]{1,8}$/),
    fc.stringMatching(/^\[[ a,"'\\[\]]{0,8}\]$/),
  );
  const allowed = any.filter((text) => text !== "" && !text.includes("\0"));
  return { type: "VARCHAR", cells: allowed.map((text) => textCell(text, "VARCHAR")) };
}

function textCell(text: string, type: string): Cell {
  return { sql: cast(text, type), js: text, text, json: JSON.stringify(text) };
}

function words(type: string, ...values: readonly string[]): CellType {
  return { type, cells: fc.constantFrom(...values).map((text) => textCell(text, type)) };
}

function listOf({ type, cells }: CellType): CellType {
  const list = `${type}[]`;
  const any = fc.array(fc.option(cells, { freq: 6 }), { maxLength: 4 });
  return {
    type: list,
    cells: any.map((items) => {
      const json = `[${items.map((item) => item?.json ?? "null").join(",")}]`;
      const sql = `CAST([${items.map((item) => item?.sql ?? "NULL").join(", ")}] AS ${list})`;
      return { sql, js: items.map((item) => item?.js ?? null), text: json, json };
    }),
  };
}

function mapOf(key: CellType, value: CellType): CellType {
  const type = `MAP(${key.type}, ${value.type})`;
  const entry = fc.tuple(key.cells, fc.option(value.cells, { freq: 6 }));
  const any = fc.uniqueArray(entry, { maxLength: 3, selector: ([k]) => String(k?.js) });
  return {
    type,
    cells: any.map((entries) => {
      const pairs = entries.map(([k, v]) => [k!, v] as const).sort(([a], [b]) => Number(a.js) - Number(b.js));
      const sql = `MAP {${pairs.map(([k, v]) => `${k.sql}: ${v?.sql ?? "NULL"}`).join(", ")}}`;
      const json = `{${pairs.map(([k, v]) => `${JSON.stringify(k.text)}:${v?.json ?? "null"}`).join(",")}}`;
      const js = new Map(pairs.map(([k, v]) => [k.js, v?.js ?? null]));
      return { sql: `CAST(${sql} AS ${type})`, js, text: json, json };
    }),
  };
}

const boolean: CellType = {
  type: "BOOLEAN",
  cells: fc.boolean().map((js) => ({ sql: String(js), js, text: String(js), json: String(js) })),
};

const entries: CellType = {
  type: "JSON",
  cells: fc
    .record({ key: fc.constantFrom("a", 3, null, "b:2"), value: fc.constantFrom(0.5, "2", null, "x") })
    .map((entry) => {
      const json = JSON.stringify(entry);
      return { sql: cast(json, "JSON"), js: entry, text: json, json };
    }),
};

const [double, text] = [floats("DOUBLE"), texts()];
const bigint = integers("BIGINT", -(2n ** 63n), 2n ** 63n - 1n);

/** Values of several types in one column. */
function mixed(...types: readonly CellType[]): CellType {
  const any = fc.oneof(...types.map(({ cells }) => cells));
  return { type: "JSON", cells: any.map((cell) => cell && { ...cell, sql: cast(cell.json, "JSON") }) };
}

export const CELL_TYPES: readonly CellType[] = [
  ...([8, 16, 32, 64, 128] as const).flatMap((bits) => {
    const name = { 8: "TINYINT", 16: "SMALLINT", 32: "INTEGER", 64: "BIGINT", 128: "HUGEINT" }[bits];
    const half = 2n ** BigInt(bits - 1);
    return [integers(name, -half, half - 1n), integers(`U${name}`, 0n, 2n * half - 1n)];
  }),
  ...[
    decimals(4, 1),
    decimals(9, 2),
    decimals(15, 5),
    decimals(18, 0),
    decimals(18, 3),
    decimals(38, 0),
    decimals(38, 10),
    decimals(38, 37),
    decimals(38, 38),
  ],
  ...[floats("FLOAT"), double, boolean, dates(), text],
  ...[
    timestamps("TIMESTAMP_S", 0),
    timestamps("TIMESTAMP_MS", 3),
    timestamps("TIMESTAMP", 6),
    timestamps("TIMESTAMP_NS", 6),
  ],
  timestamps("TIMESTAMP WITH TIME ZONE", 6),
  words("ENUM('small', 'large one', '[3, 5]', 'a,b')", "small", "large one", "[3, 5]", "a,b"),
  words("UUID", "00000000-0000-0000-0000-000000000000", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
  words("TIME", "08:15:00", "00:00:00", "23:59:59.999999"),
  ...[
    listOf(text),
    listOf(bigint),
    listOf(double),
    listOf(floats("FLOAT")),
    listOf(boolean),
    listOf(decimals(9, 2)),
  ],
  ...[mapOf(words("VARCHAR", "a", "b", "k1"), double), mapOf(integers("INTEGER", 0n, 9n), bigint)],
  mapOf(words("VARCHAR", "a", "b"), words("VARCHAR", "x", "0.5", "")),
  mixed(text, bigint, boolean),
  mixed(text, listOf(text), listOf(bigint)),
  mixed(text, listOf(text), mapOf(words("VARCHAR", "a", "b:c"), decimals(4, 1)), entries),
  mixed(bigint, listOf(mixed(text, entries))),
];
