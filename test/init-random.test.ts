import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { type ConfigInput, resolveConfig } from "../src/config/config.js";
import { PairloomError } from "../src/errors.js";
import { initConfig } from "../src/init/init-config.js";
import { trainRun } from "../src/run/train-run.js";
import { makeWorld, type World } from "./cli-world.js";

/*
 * Tables that nobody thought of: every column has values of a random kind, names are any texts. A config that is proposed
 * trains, and a table that gives none is refused with a reason.
 */

/** `INIT_RUNS=2000 INIT_SEED=1 npx vitest run test/init-random.test.ts` is the long form, after a change of init. */
const RUNS = Number(process.env.INIT_RUNS ?? 25);
const TIMEOUT = 600_000 + 5_000 * RUNS;

let world: World;
beforeAll(() => {
  world = makeWorld();
});
afterAll(() => world.remove());

type Json = unknown;
const word = fc.string({ minLength: 1, maxLength: 6 });
const CELLS: Readonly<Record<string, fc.Arbitrary<Json>>> = {
  words: fc.constantFrom("red", "green", "blue", "it's", 'say "x"'),
  texts: word,
  integers: fc.integer(),
  small: fc.integer({ min: 0, max: 5 }),
  numbers: fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  booleans: fc.boolean(),
  dates: fc
    .date({ min: new Date("1990-01-01"), max: new Date("2030-01-01"), noInvalidDate: true })
    .map((date) => date.toISOString()),
  "American times": fc
    .date({ min: new Date("1990-01-01"), max: new Date("2030-01-01"), noInvalidDate: true })
    .map((date) => date.toLocaleString("en-US", { timeZone: "UTC" }).replace(",", "").replace("\u202f", " ")),
  "times of mail": fc
    .date({ min: new Date("1990-01-01"), max: new Date("2030-01-01"), noInvalidDate: true })
    .map((date) => date.toUTCString()),
  lists: fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 3 }),
  vectors: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
  objects: fc.record({ x: fc.integer() }),
  nothing: fc.constant(null),
};
const LABELS: readonly fc.Arbitrary<Json>[] = [
  fc.constantFrom(0, 1),
  fc.constantFrom("yes", "no"),
  fc.boolean(),
  fc.constantFrom("a", "b", "c"),
  fc.integer({ min: 1, max: 5 }),
  fc.double({ min: -1000, max: 1000, noNaN: true }),
];

/** Any text, or a name that the SQL of Pairloom gives to its own columns. */
const OWN_NAMES =
  "v n x t c0 c1 k0 s0 file number place line content word cell list lists key json source row e rows label";
const name = fc.oneof(
  { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 8 }) },
  fc.constantFrom(...OWN_NAMES.split(" ")),
);

const table = fc
  .record({
    names: fc.uniqueArray(name, {
      minLength: 1,
      maxLength: 5,
      selector: (name) => name.toLowerCase().trim(),
    }),
    kinds: fc.array(fc.constantFrom(...Object.keys(CELLS)), { minLength: 5, maxLength: 5 }),
    missing: fc.constantFrom(0, 0, 3),
    rows: fc.constantFrom(3, 25, 80),
    label: fc.constantFrom(...LABELS),
  })
  .chain(({ names, kinds, missing, rows, label }) => {
    const cells = names.map(
      (name, i) =>
        [name, missing === 0 ? CELLS[kinds[i]] : fc.option(CELLS[kinds[i]], { freq: missing })] as const,
    );
    const row = fc.record({
      ...Object.fromEntries(cells.filter(([name]) => name !== "__proto__")),
      "the label": label,
    });
    return fc.array(row, { minLength: rows, maxLength: rows });
  });

/** Ways to write the same table. Text files quote every cell. */
const text = (delimiter: string, end: string) => (rows: readonly Readonly<Record<string, Json>>[]) => {
  const cell = (value: Json) => {
    const written = typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
    return `"${written.replaceAll('"', '""')}"`;
  };
  const names = Object.keys(rows[0]);
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  return lines.map((cells) => cells.map(cell).join(delimiter) + end).join("");
};
const jsonLines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const FORMS: Readonly<Record<string, (rows: readonly Readonly<Record<string, Json>>[]) => string | Buffer>> =
  {
    "rows.jsonl": jsonLines,
    "rows.json": (rows) => `\ufeff${JSON.stringify(rows, null, 1)}`,
    "rows.csv": text(",", "\n"),
    "rows.tsv": text("\t", "\r\n"),
    "rows.txt": text(";", "\n"),
    "rows.csv.gz": (rows) => gzipSync(text("|", "\n")(rows)),
    "utf-16.csv": (rows) => Buffer.from(`\ufeff${text(",", "\r\n")(rows)}`, "utf16le"),
  };

async function trains(rows: readonly Readonly<Record<string, Json>>[], path: string): Promise<boolean> {
  writeFileSync(path, FORMS[path](rows));
  let proposed: ConfigInput;
  try {
    proposed = (await initConfig({ path, label: "the label" })).proposal.config;
  } catch (error) {
    if (
      error instanceof PairloomError &&
      /only one value|no column is left|only the label|missing in all/.test(error.message)
    )
      return false;
    throw error;
  }
  const config = resolveConfig(proposed);
  await trainRun({
    config: { ...config, train: { ...config.train, epochs: undefined, steps: 2, threads: 1 } },
    runDir: `runs/${world.folder.length}-${Math.trunc(performance.now() * 1000)}`,
    backend: referenceBackend,
    resume: false,
    baselines: false,
    signal: new AbortController().signal,
    listener: () => undefined,
  });
  return true;
}

it(
  "trains on random tables or refuses them with a reason",
  async () => {
    let trained = 0;
    await fc.assert(
      fc.asyncProperty(table, fc.constantFrom(...Object.keys(FORMS)), async (rows, path) => {
        if (await trains(rows, path)) trained++;
      }),
      { numRuns: RUNS, seed: Number(process.env.INIT_SEED ?? 7) },
    );
    expect(trained).toBeGreaterThan(RUNS / 4);
  },
  TIMEOUT,
);
