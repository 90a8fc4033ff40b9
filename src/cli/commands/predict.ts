import type { World } from "../../distributed/world.js";
import { predictAlong, predictRun } from "../../run/predict-run.js";
import { otherSource } from "../../run/sources.js";
import { shellWord } from "../../shell-word.js";
import { count } from "../../show-value.js";
import { Counter } from "../counter.js";
import { withDataHint } from "../data-hint.js";
import { showWarnings } from "../fill-lines.js";
import { type ModelArgs, modelOptions, openModelOn } from "../model-options.js";
import { onRanks } from "../on-ranks.js";
import { plural } from "../tables.js";
import { command, listOption, UsageError } from "../usage.js";

export const predict = command(
  "predict",
  {
    ...modelOptions,
    data: {
      type: "string",
      valueHint: "file...",
      description: "Files to score, in any format that training reads; required",
    },
    output: { type: "string", valueHint: "file", description: "Ends in .csv or .parquet", required: true },
    columns: { type: "string", valueHint: "a,b", description: "Columns of the data to keep in the output" },
    sql: {
      type: "string",
      valueHint: "select",
      description: "Replaces the sql of the config (for data without a label)",
    },
  },
  (args, rawArgs) => onRanks((world) => predictOn(world, args, rawArgs)),
);

interface Arguments extends ModelArgs {
  readonly output: string;
  readonly columns?: string;
  readonly sql?: string;
}

async function predictOn(world: World, args: Arguments, rawArgs: readonly string[]): Promise<void> {
  const files = listOption("data", rawArgs);
  if (files.length === 0)
    throw new UsageError({
      what: "pairloom predict needs files to score",
      expected: "--data <file> [<file> …]",
      next: `For example: npx pairloom predict ${shellWord(args.run)} --data rows.csv --output predictions.csv.`,
    });
  const model = await openModelOn(world, args, rawArgs);
  const scored = {
    model,
    source: otherSource(model.config.data, { files, sql: args.sql }),
    where: "--data",
    columns: (args.columns ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  };
  const hinted = (error: unknown) => {
    throw withDataHint(error, args.sql);
  };
  if (world.rank > 0) return predictAlong(scored).catch(hinted);
  const counter = new Counter();
  const startedAt = performance.now();
  const { rows, quarantine } = await predictRun({
    ...scored,
    output: args.output,
    onRows: (read) => counter.show("Scoring", read),
  })
    .catch(hinted)
    .finally(() => counter.stop());
  showWarnings(rows.warnings);
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`${args.output}: ${plural(rows.used, "prediction")} in ${seconds.toFixed(1)} s`);
  if (quarantine === undefined) return;
  console.log(
    `${count(rows.read)} read = ${count(rows.used)} scored + ${count(rows.refused)} refused, see ${quarantine}`,
  );
}
