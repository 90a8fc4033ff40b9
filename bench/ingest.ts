import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dataSchema } from "../src/data/data-config.js";
import { prepareData } from "../src/data/index.js";
import { Duck } from "../src/data/source/duckdb.js";
import { type FeatureInput, featuresSchema } from "../src/features/schema/features.js";
import { type Figure, inRounds, median, spread } from "./figure.js";

const CARDINALITIES = [
  1460, 583, 10131227, 2202608, 305, 24, 12517, 633, 3, 93145, 5683, 8351593, 3194, 27, 14992, 5461306, 10,
  5652, 2173, 4, 7046547, 18, 15, 286181, 105, 142572,
];
const ROWS = 1_000_000;
const NUMBERS = 13;
/** Of 100 values, in the column of this number. */
const nullsOf = (column: number) => [0, 3, 22, 0, 44, 1][column % 6];

interface Run {
  readonly rate: number;
  readonly microseconds: number;
}

/**
 * From files to packed shards, every source again in every round: 13 numbers with nulls, normalized by log, and 26
 * columns of 8 hex digits with the cardinalities of Criteo's Kaggle set, hashed into a million buckets each or looked
 * up in vocabularies that are learnt first. Other work on the machine disturbs the processor time least.
 */
export const ingest: Figure = {
  title: "the first pass over a source of a million rows: 13 numbers, 26 columns of text",
  async run({ rounds }) {
    const directory = mkdtempSync(join(tmpdir(), "pairloom-ingest-"));
    try {
      const files = await writeSources(directory, ROWS);
      const hashed = features({ hash: 1_000_000 });
      const learnt = features({ vocabulary: { minCount: 10 } });
      const cases = [
        { name: "Parquet, hashed", path: files.parquet, features: hashed },
        { name: "Parquet, vocabularies", path: files.parquet, features: learnt },
        { name: "CSV, hashed", path: files.csv, features: hashed },
        { name: "TSV, hashed", path: files.tsv, features: hashed },
      ];
      const results = await inRounds(cases, rounds, ({ path, features }) =>
        pack(join(directory, "cache"), path, features),
      );
      const rows = cases.map((each) => {
        const runs = results.get(each)!;
        const rates = runs.map(({ rate }) => rate);
        return [each.name, spread(rates), median(runs.map((run) => run.microseconds)).toFixed(2)];
      });
      return { head: ["", "rows/s", "µs of processor a row"], rows };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

function features(mapping: object): FeatureInput[] {
  const numbers = Array.from({ length: NUMBERS }, (_, i) => ({
    kind: "number" as const,
    name: `i${i + 1}`,
    normalize: "log" as const,
  }));
  const ids = CARDINALITIES.map((_, i) => ({ kind: "id" as const, name: `c${i + 1}`, ...mapping }));
  return [...numbers, ...ids] as FeatureInput[];
}

async function pack(cacheDir: string, path: string, features: FeatureInput[]): Promise<Run> {
  const data = dataSchema.parse({ train: { path }, label: "label", cacheDir });
  const resolved = featuresSchema.parse(features);
  const started = performance.now();
  const before = process.cpuUsage();
  const { splits } = await prepareData({ data, features: resolved });
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - started) / 1000;
  const rows = splits.train!.rows;
  rmSync(cacheDir, { recursive: true });
  return { rate: Math.round(rows / seconds), microseconds: (user + system) / rows };
}

async function writeSources(directory: string, rows: number) {
  const unit = (stream: number) => `hash(row, ${stream}) % 10000000 / 1e7`;
  const orNull = (column: number, value: string) =>
    `CASE WHEN hash(row, ${column + 500}) % 100 >= ${nullsOf(column)} THEN ${value} END`;
  const numbers = Array.from(
    { length: NUMBERS },
    (_, i) => `${orNull(i, `floor(exp(${unit(i)} * ${3 + (i % 4)}))::FLOAT`)} AS i${i + 1}`,
  );
  const ids = CARDINALITIES.map((size, i) => {
    const value = `hash(${i}, floor(pow(${unit(100 + i)}, 3) * ${size})::BIGINT) % 4294967296`;
    return `${orNull(NUMBERS + i, `printf('%08x', ${value})`)} AS c${i + 1}`;
  });
  const select = `SELECT (hash(row) % 4 = 0)::TINYINT AS label, ${[...numbers, ...ids].join(", ")}`;
  const files = {
    parquet: join(directory, "data.parquet"),
    csv: join(directory, "data.csv"),
    tsv: join(directory, "data.tsv"),
  };
  const duck = await Duck.open(directory);
  const copy = (sql: string, path: string, options: string) =>
    duck.run(`COPY (${sql}) TO '${path}' (${options})`, "bench");
  await copy(`${select} FROM range(${rows}) AS range(row)`, files.parquet, "FORMAT parquet");
  await copy(`FROM '${files.parquet}'`, files.csv, "FORMAT csv, HEADER");
  await copy(`FROM '${files.parquet}'`, files.tsv, "FORMAT csv, HEADER, DELIMITER '\t'");
  duck.close();
  return files;
}
