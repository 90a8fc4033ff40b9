import { fileURLToPath } from "node:url";
import { loadEntries, type SeedResult, stand } from "../src/bench/leaderboard.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { prepareData } from "../src/data/index.js";
import { ExecutionError } from "../src/errors.js";
import { selectBackend } from "../src/saved/backend.js";
import { loadConfig } from "../src/saved/config-file.js";
import { offerToConfigFiles } from "../src/saved/public-module.js";
import type { Figure } from "./figure.js";

/** A config whose features of many values get other tables. */
interface Subject {
  readonly name: string;
  readonly config: Config;
  /** The features that get other tables. */
  readonly features: readonly string[];
  /** Small, because a table needs a row for each value of a batch. */
  readonly batchSize: number;
  /** Set if the features share one table. */
  readonly embedding?: string;
}

/** How the values of a feature get rows. `all`: the number of values of the training split. */
type Tables = (all: number) => object;

const quarter = (all: number): number => Math.floor(all / 4);
/** Room for the value that means missing, and for values of the validation and test splits, which get no row. */
const SPARE = 2;

const TABLES: Readonly<Record<string, Tables>> = {
  "vocabulary, all values": () => ({ vocabulary: {} }),
  "dynamic, full capacity": (all) => ({ dynamic: { capacity: all + SPARE, evict: "never" } }),
  "dynamic, 25 %, lru": (all) => ({ dynamic: { capacity: quarter(all), evict: "lru" } }),
  "dynamic, 25 %, lfu": (all) => ({ dynamic: { capacity: quarter(all), evict: "lfu" } }),
  "dynamic, 25 %, lru, admitted at the 5th time": (all) => ({
    dynamic: { capacity: quarter(all), evict: "lru", admit: { count: 5 } },
  }),
  "hash, 25 %": (all) => ({ hash: quarter(all) }),
  // Two tables of n rows each are for n^2 values.
  "compositional hash, 25 %": (all) => ({
    hash: { size: Math.floor(quarter(all) / 2) ** 2, combine: "multiply" },
  }),
};

const EXAMPLES = fileURLToPath(new URL("../examples/", import.meta.url));

/** What tables of one size cost in quality: the test AUC of the examples with each kind of table, a seed a round. */
export const tablesQuality: Figure = {
  title: "test AUC by the kind of table: mean (least to most) of the seeds",
  async run({ rounds, data }) {
    offerToConfigFiles(() => import("../src/index.js"));
    const seeds = Array.from({ length: rounds }, (_, i) => i + 1);
    const subjects = [await flights(), ...(data === undefined ? [] : [await frappe(data)])];
    const columns: string[][] = [];
    for (const subject of subjects) columns.push(await aucOf(subject, seeds));
    const rows = Object.keys(TABLES).map((name, i) => [name, ...columns.map((column) => column[i])]);
    return { head: ["tables", ...subjects.map(({ name }) => name)], rows };
  },
};

async function flights(): Promise<Subject> {
  const { config } = await loadConfig(`${EXAMPLES}flights/pairloom.config.ts`);
  const features = ["route", "routeHour", "originHour", "destinationHour"];
  return { name: "flights, DCN-v2", config, features, batchSize: 1024 };
}

async function frappe(data: string): Promise<Subject> {
  const [{ config }] = await loadEntries(`${EXAMPLES}frappe/`, data, "fm");
  const features = config.features.map(({ name }) => name);
  return { name: "Frappe, FM", config, features, batchSize: 512, embedding: "values" };
}

async function aucOf(subject: Subject, seeds: readonly number[]): Promise<string[]> {
  const counts = await valuesOf(subject);
  const cells: string[] = [];
  for (const [name, tables] of Object.entries(TABLES)) {
    const results: number[] = [];
    const entry = { model: `${subject.name}, ${name}`, config: withTables(subject, tables, counts) };
    await stand(entry, seeds, selectBackend().backend, (result) => {
      results.push(told(result));
    });
    cells.push(meanAndSpread(results));
  }
  return cells;
}

/** The number of values of each table in the training split. */
async function valuesOf(subject: Subject): Promise<ReadonlyMap<string, number>> {
  const { data, features } = withTables(subject, TABLES["vocabulary, all values"], new Map());
  const prepared = await prepareData({ data, features });
  return new Map(Object.entries(prepared.features.vocabularies).map(([name, { length }]) => [name, length]));
}

/** Only the rows that a step uses are updated, because dynamic tables have no other way. */
function withTables(
  { config, features, batchSize, embedding }: Subject,
  tables: Tables,
  counts: ReadonlyMap<string, number>,
): Config {
  const { train } = config;
  const optimizer = { ...train.optimizer, embedding: { ...train.optimizer.embedding, lazy: true } };
  return resolveConfig({
    ...config,
    features: config.features.map((feature) => {
      if (!features.includes(feature.name)) return feature;
      const { hash, vocabulary, ...rest } = feature as Record<string, unknown>;
      const { name } = feature;
      return { ...rest, ...(embedding && { embedding }), ...tables(counts.get(embedding ?? name) ?? 0) };
    }),
    train: { ...train, batchSize, optimizer, l2: { ...train.l2, rows: "touched" } },
  });
}

function told({ model, seed, test, epochs, seconds }: SeedResult): number {
  if (!test.auc.defined)
    throw new ExecutionError({ what: "the AUC is undefined", where: model, got: test.auc.reason });
  console.error(
    `${model}, seed ${seed}: ${test.auc.value.toFixed(5)}, ${epochs} epochs, ${seconds.toFixed(0)} s`,
  );
  return test.auc.value;
}

function meanAndSpread(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(4));
  return `${mean.toFixed(4)} (${least} to ${most})`;
}
