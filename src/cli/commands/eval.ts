import { splitNames } from "../../data/data-config.js";
import type { World } from "../../distributed/world.js";
import { metricsReport } from "../../run/report.js";
import { evaluateAlong, evaluateSource } from "../../run/score.js";
import { measuredSplit, otherSource, splitPlace, splitSource } from "../../run/sources.js";
import { count } from "../../show-value.js";
import { Counter } from "../counter.js";
import { withDataHint } from "../data-hint.js";
import { showWarnings } from "../fill-lines.js";
import { type ModelArgs, modelOptions, openModelOn } from "../model-options.js";
import { onRanks } from "../on-ranks.js";
import { metricsTable, positiveShares } from "../tables.js";
import { choiceOption, command, listOption, UsageError } from "../usage.js";

export const evaluate = command(
  "eval",
  {
    ...modelOptions,
    split: {
      type: "string",
      valueHint: splitNames.join("|"),
      description: "Split of the run's config (default test, or valid if there is no test split)",
    },
    data: { type: "string", valueHint: "file...", description: "Labelled files, instead of a split" },
    sql: { type: "string", valueHint: "select", description: "With --data: replaces the sql of the config" },
    json: { type: "boolean", description: "Print JSON instead of a table" },
  },
  (args, rawArgs) => onRanks((world) => evaluateOn(world, args, rawArgs)),
);

interface Arguments extends ModelArgs {
  readonly split?: string;
  readonly sql?: string;
  readonly json?: boolean;
}

async function evaluateOn(world: World, args: Arguments, rawArgs: readonly string[]): Promise<void> {
  const named = choiceOption("split", args.split, splitNames);
  const files = listOption("data", rawArgs);
  refuseUnusedOptions(args, files);
  const model = await openModelOn(world, args, rawArgs);
  const { data } = model.config;
  const split = named ?? measuredSplit(data);
  const [source, where] =
    files.length > 0
      ? [{ source: otherSource(data, { files, sql: args.sql }) }, "--data"]
      : [splitSource(data, split), splitPlace(data, split)];
  const hinted = (error: unknown) => {
    throw files.length > 0 ? withDataHint(error, args.sql) : error;
  };
  if (world.rank > 0) return evaluateAlong(model, source, where).catch(hinted);
  const counter = new Counter();
  const { evaluation, rows } = await evaluateSource(model, source, where, (read) =>
    counter.show("Measuring", read),
  )
    .catch(hinted)
    .finally(() => counter.stop());
  showWarnings(rows.warnings);
  const { name } = model.checkpoint;
  if (args.json) {
    const { read, used, refused, reasons } = rows;
    const counts = { rowsRead: read, rows: used, quarantined: refused, reasons };
    console.log(
      JSON.stringify({
        checkpoint: name,
        on: files.length > 0 ? files : split,
        ...counts,
        ...metricsReport(evaluation),
      }),
    );
    return;
  }
  const on = files.length > 0 ? files.join(", ") : `the ${split} split`;
  console.log(`${name} on ${on}: ${count(rows.used)} rows${positiveShares(evaluation)}`);
  if (rows.refused > 0) {
    console.log(`${count(rows.read)} read = ${count(rows.used)} measured + ${count(rows.refused)} refused:`);
    for (const [reason, times] of Object.entries(rows.reasons)) console.log(`  ${count(times)} × ${reason}`);
  }
  console.log(metricsTable([{ name: model.config.model.kind, evaluation }]));
}

/** Refuses options that would have no effect. */
function refuseUnusedOptions(
  { split, sql }: { split?: string; sql?: string },
  files: readonly string[],
): void {
  if (files.length > 0 && split !== undefined)
    throw new UsageError({
      what: "--split and --data cannot be used together",
      got: `--split ${split} --data ${files.join(" ")}`,
      expected: "one of the two",
      next: "Remove --data to evaluate the split, or --split to evaluate the files.",
    });
  if (files.length === 0 && sql !== undefined)
    throw new UsageError({
      what: "--sql needs --data",
      got: "no --data",
      expected: "--data <file> [<file> …]",
      next: "Name the files, or remove --sql: a split uses the sql of the config.",
    });
}
