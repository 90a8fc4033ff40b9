// Writes train.csv and test.csv: node --import jiti/register bench/bank.ts FOLDER
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";
import { effect, type Random } from "../examples/clicks/random.js";
import { writeRows } from "../examples/clicks/write-rows.js";

/*
 * A table of the shape of bank marketing (UCI), for docs/benchmarks.md: 7 numbers and 9 categories, a rare label, effects with
 * steps and thresholds, and interactions of two columns. It is not made for one kind of model.
 */

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

function customer(random: Random) {
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
}

const [folder] = argv.slice(2);
mkdirSync(folder, { recursive: true });
writeRows(join(folder, "train.csv"), customer, 0, 40_000);
writeRows(join(folder, "test.csv"), customer, 40_000, 20_000);
