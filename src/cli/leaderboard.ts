import { fileURLToPath } from "node:url";
import { loadEntries, type Standing, stand } from "../bench/leaderboard.js";
import { selectBackend } from "../saved/backend.js";
import { offerToConfigFiles } from "../saved/public-module.js";
import { exitCodeOf, printError } from "./failure.js";
import { scriptArguments } from "./script-arguments.js";
import { table } from "./text-table.js";
import { UsageError } from "./usage.js";

const CONFIGS = fileURLToPath(new URL("../../examples/frappe/", import.meta.url));

const USAGE = "npm run leaderboard -- --data DIR [--model dlrm] [--seeds 1,2,3]";

async function leaderboard(): Promise<void> {
  const parsed = scriptArguments(USAGE, {
    options: {
      data: { type: "string" },
      model: { type: "string" },
      seeds: { type: "string", default: "1,2,3" },
    },
  });
  if (!parsed) return;
  const { values } = parsed;
  const entries = await loadEntries(CONFIGS, folderOf(values.data), values.model);
  const seeds = seedsOf(values.seeds);
  const { backend } = selectBackend();
  const standings: Standing[] = [];
  for (const entry of entries) {
    const standing = await stand(entry, seeds, backend, ({ model, seed, epochs, seconds, valid, test }) => {
      const figures = [valid, test].map(({ auc }) => (auc.defined ? auc.value.toFixed(4) : auc.reason));
      console.error(
        `${model} seed ${seed}: valid ${figures[0]}, test ${figures[1]}, ${epochs} epochs, ${seconds.toFixed(1)} s`,
      );
    });
    standings.push(standing);
  }
  const rows = standings.map((s) => [
    s.model,
    s.test_auc.toFixed(4),
    s.test_logloss.toFixed(4),
    s.seconds.toFixed(1),
  ]);
  console.log(table(["model", "test AUC", "test log loss", "seconds per seed"], rows));
  for (const standing of standings) console.log(JSON.stringify(standing));
}

function folderOf(value: string | undefined): string {
  if (value !== undefined) return value;
  throw new UsageError({
    what: "the data folder is missing",
    where: "--data",
    expected: "a folder with train.csv, valid.csv and test.csv of the Frappe data",
    next: "Run npm run leaderboard -- --data DIR.",
  });
}

function seedsOf(text: string): number[] {
  const seeds = text.split(",").map(Number);
  if (seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)) return seeds;
  throw new UsageError({
    what: "a seed is not an integer",
    where: "--seeds",
    got: text,
    expected: "integers such as 1,2,3",
    next: "For example --seeds 1,2,3.",
  });
}

offerToConfigFiles(() => import("../index.js"));
leaderboard().catch((error: unknown) => {
  printError(error);
  process.exitCode = exitCodeOf(error);
});
