import { createWriteStream } from "node:fs";
import { argv } from "node:process";
import { draw, drawKey, drawUnit } from "../src/random.js";

/*
 * Tables of the shape of public data sets, for docs/benchmarks.md: the same seed always writes the same rows.
 *
 *   node --import jiti/register bench/tables.ts bank train.csv test.csv
 *   node --import jiti/register bench/tables.ts clicks train.csv test.csv
 *
 * "bank" has the shape of bank marketing (UCI): 7 numbers and 9 categories, a rare label, effects with steps and thresholds,
 * and interactions of two columns. "clicks" has the shape of the clicks of KDD Cup 2012: ids of high cardinality that follow
 * power laws and are nested in each other, and few rows for each. Nothing in them is made for one kind of model.
 */

type Row = Readonly<Record<string, string | number>>;

/** A table: its sizes, and a row with its label from random draws. */
interface Table {
  readonly train: number;
  readonly test: number;
  row(random: Random): Row;
}

/** The draws of one row: uniform in [0, 1), normal, an integer below n, or one that follows a power law. */
class Random {
  private index = 0;
  private readonly key;

  constructor(seed: number, row: number) {
    this.key = drawKey(seed, 0, row);
  }

  unit(): number {
    return (draw(this.key, this.index++) + 0.5) / 2 ** 32;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(this.unit())) * Math.cos(2 * Math.PI * this.unit());
  }

  below(n: number): number {
    return Math.floor(n * this.unit());
  }

  /** In [0, n): the density falls as 1 / (1 + x). */
  power(n: number): number {
    return Math.min(n - 1, Math.floor(Math.exp(this.unit() * Math.log(n + 1)) - 1));
  }

  isTrue(logit: number): 0 | 1 {
    return this.unit() < 1 / (1 + Math.exp(-logit)) ? 1 : 0;
  }
}

/** A normal effect that belongs to some values, the same in every row. */
function effect(name: number, ...values: readonly number[]): number {
  const key = drawKey(99, name, 0);
  const at = values.reduce((sum, value) => sum * 1_000_003 + value + 1, 0) % 2 ** 48;
  const [u, v] = [drawUnit(key, 2 * at) + 2 ** -25, drawUnit(key, 2 * at + 1)];
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

const CATEGORIES = {
  job: 12,
  marital: 4,
  education: 8,
  default: 3,
  housing: 3,
  loan: 3,
  contact: 2,
  month: 10,
  result: 3,
};

const bank: Table = {
  train: 40_000,
  test: 20_000,
  row(random) {
    const names = Object.keys(CATEGORIES) as (keyof typeof CATEGORIES)[];
    const c = Object.fromEntries(
      names.map((name) => [name, random.power(CATEGORIES[name])]),
    ) as typeof CATEGORIES;
    const age = Math.round(Math.min(95, 18 + 12 * Math.exp(0.5 * random.normal()) + 3 * c.job));
    const balance = Math.round(800 * Math.exp(1.2 * random.normal()) - 500);
    const duration = Math.round(180 * Math.exp(0.9 * random.normal()));
    const campaign = 1 + random.power(40);
    const sinceContact = random.unit() < 0.8 ? -1 : 1 + random.below(400);
    const previous = sinceContact < 0 ? 0 : 1 + random.power(12);
    const day = 1 + random.below(31);
    const logit =
      -2.6 +
      names.reduce((sum, name, k) => sum + 0.35 * effect(k, c[name]), 0) +
      1.1 * Math.log(duration / 180) * (c.contact === 0 ? 1 : 0.5) +
      (age > 60 ? 1 : age < 25 ? 0.6 : 0) +
      (sinceContact >= 0 && sinceContact < 100 ? 1.2 : 0) * (c.result === 1 ? 1.5 : 0.6) +
      0.5 * Math.sin(day / 5) -
      0.12 * Math.min(campaign, 10) +
      (balance > 1500 ? 0.4 : balance < 0 ? -0.5 : 0) +
      0.6 * effect(20, c.job, c.month) +
      0.4 * effect(21, c.education, c.housing) +
      Math.log1p(previous) * 0.4;
    const texts = Object.fromEntries(names.map((name) => [name, `${name}${c[name]}`]));
    const numbers = { age, balance, day, duration, campaign, sinceContact, previous };
    return { ...numbers, ...texts, label: random.isTrue(logit) };
  },
};

const clicks: Table = {
  train: 200_000,
  test: 100_000,
  row(random) {
    const user = random.power(60_000);
    const advertiser = random.power(4_000);
    const ad = advertiser * 8 + random.power(8);
    const query = random.power(50_000);
    const topic = Math.floor(400 * drawUnit(drawKey(3, 1, 0), query));
    const keyword = topic * 20 + random.power(20);
    const title = ad * 2 + random.below(2);
    const position = 1 + random.power(3);
    const depth = Math.min(3, position + random.below(3));
    const gender = Math.floor(3 * drawUnit(drawKey(3, 2, 0), user));
    const age = 1 + Math.floor(6 * drawUnit(drawKey(3, 3, 0), user));
    const url = advertiser * 3 + random.power(3);
    const category = advertiser % 30;
    const logit =
      -2.9 -
      0.5 * (position - 1) +
      0.15 * depth +
      0.5 * effect(1, ad) +
      0.4 * effect(2, advertiser) +
      0.6 * effect(3, user) +
      0.3 * effect(4, query) +
      0.3 * effect(5, keyword) +
      0.5 * effect(6, category, topic % 25) +
      0.3 * effect(7, category, gender, age) +
      0.1 * effect(8, title);
    const ids = { user, ad, advertiser, query, keyword, title, url, category, gender, age, position, depth };
    return { ...ids, label: random.isTrue(logit) };
  },
};

const TABLES: Readonly<Record<string, Table>> = { bank, clicks };

function write(path: string, { row }: Table, first: number, count: number): void {
  const file = createWriteStream(path);
  for (let i = 0; i < count; i++) {
    const values = row(new Random(1, first + i));
    if (i === 0) file.write(`${Object.keys(values).join()}\n`);
    file.write(`${Object.values(values).join()}\n`);
  }
  file.end();
}

const [name, trainPath, testPath] = argv.slice(2);
const table = TABLES[name];
write(trainPath, table, 0, table.train);
write(testPath, table, table.train, table.test);
