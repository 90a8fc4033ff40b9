// Writes train.csv, valid.csv and test.csv: node --import jiti/register examples/clicks/generate.ts [FOLDER]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";
import { click } from "./click.js";
import { writeRows } from "./write-rows.js";

const [folder = "examples/clicks/data"] = argv.slice(2);
mkdirSync(folder, { recursive: true });
writeRows(join(folder, "train.csv"), click, 0, 200_000);
writeRows(join(folder, "test.csv"), click, 200_000, 100_000);
writeRows(join(folder, "valid.csv"), click, 300_000, 50_000);
