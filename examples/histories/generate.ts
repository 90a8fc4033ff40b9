// Writes events.csv and rows.csv: node --import jiti/register examples/histories/generate.ts [FOLDER] [USERS]
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";
import { Random } from "../clicks/random.js";
import { makeUser } from "./user.js";

const [folder = "examples/histories/data", users = 10_000] = argv.slice(2);
mkdirSync(folder, { recursive: true });
const all = Array.from({ length: Number(users) }, (_, user) => makeUser(user));
writeTable("events.csv", shuffled(all.flatMap(({ events }) => events)));
writeTable(
  "rows.csv",
  all.flatMap(({ rows }) => rows),
);

function writeTable(name: string, rows: readonly object[]): void {
  const lines = [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))];
  writeFileSync(join(folder, name), `${lines.map((values) => values.join()).join("\n")}\n`);
}

/** In any order, as logs of several servers are. */
function shuffled<T>(items: readonly T[]): T[] {
  const random = new Random(4);
  return items
    .map((item) => [random.unit(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}
