import { statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { onDiskSync } from "../../checkpoint/index.js";
import { openBundle } from "../../export/bundle.js";
import { EXPORT_FORMATS, type ExportFormat, FORMAT_NAMES, refuseBundle } from "../../export/formats.js";
import { largestDifference, scoreFirstRows } from "../../export/scored-rows.js";
import { makeDirectories } from "../../make-directories.js";
import { metricValues } from "../../metrics/index.js";
import { TABLE_STORAGES } from "../../passes/store-tables.js";
import { evaluateSource } from "../../run/score.js";
import { measuredSplit, splitPlace, splitSource } from "../../run/sources.js";
import type { TrainedModel } from "../../saved/model.js";
import { EXPORTS } from "../../saved/run-directory.js";
import { count } from "../../show-value.js";
import { modelOptions, openModelOf } from "../model-options.js";
import { metricsTable } from "../tables.js";
import { choiceOption, command, UsageError } from "../usage.js";

export const exportCommand = command(
  "export",
  {
    ...modelOptions,
    format: {
      type: "string",
      valueHint: FORMAT_NAMES.join("|"),
      description: "What to write",
      required: true,
    },
    output: {
      type: "string",
      valueHint: "file",
      description: "Where to write (default <run>/exports/model.<format>)",
    },
    tables: {
      type: "string",
      valueHint: TABLE_STORAGES.join("|"),
      description: "How a bundle stores its tables (default: as they were trained)",
    },
    verify: {
      type: "boolean",
      description: "Score 10,000 rows of the test split with the model and with the export, and compare",
    },
  },
  async (args, rawArgs) => {
    const storage = choiceOption("tables", args.tables, TABLE_STORAGES);
    if (storage && args.format !== "bundle") throw onlyInBundles(storage);
    const format: ExportFormat = EXPORT_FORMATS[choiceOption("format", args.format, FORMAT_NAMES)!];
    const model = await openModelOf(args, rawArgs);
    refuseBundle(model);
    const output = args.output ?? join(args.run, EXPORTS, format.file);
    const folder = dirname(resolve(output));
    onDiskSync("the directory cannot be created", folder, () => makeDirectories(folder));
    for (const file of await format.write(model, output, { storage }))
      console.log(`${file}: ${sizeText(file)}`);
    if (args.verify) await verify(format, model, output);
    if (storage) await printChange(model, output);
  },
);

/** What the smaller numbers cost, on the data that the model is measured on. */
async function printChange(model: TrainedModel, output: string): Promise<void> {
  const { data } = model.config;
  const split = measuredSplit(data);
  const measured = async (each: TrainedModel) =>
    (await evaluateSource(each, splitSource(data, split), splitPlace(data, split), () => {})).evaluation;
  const [before, after] = [await measured(model), await measured(await openBundle(output))];
  console.log(
    metricsTable([
      { name: "model", evaluation: before },
      { name: "bundle", evaluation: after },
    ]),
  );
  const [valuesBefore, valuesAfter] = [metricValues(before), metricValues(after)];
  const change = (name: string) => signed(valuesAfter[name] - valuesBefore[name]);
  const names = Object.keys(valuesBefore).filter((name) => /(^|\.)(auc|logLoss)$/.test(name));
  if (names.length > 0)
    console.log(`change on the ${split} split: ${names.map((name) => `${name} ${change(name)}`).join(", ")}`);
}

const signed = (value: number) => `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(5)}`;

function onlyInBundles(storage: string): UsageError {
  return new UsageError({
    what: "only a bundle stores tables in another form",
    got: `--tables ${storage}`,
    next: "Add --format bundle, or remove --tables.",
  });
}

async function verify(format: ExportFormat, model: TrainedModel, output: string): Promise<void> {
  const rows = await scoreFirstRows(model);
  const difference = largestDifference(await format.score(model, output, rows), rows.logits);
  const largest = Math.max(...rows.logits.map(Math.abs));
  console.log(
    `${count(rows.columns.rows)} rows scored both ways: the largest difference of logits is ${difference.toExponential(1)}, of logits up to ${largest.toPrecision(3)}`,
  );
}

function sizeText(file: string): string {
  const { size } = statSync(file);
  return size < 1e6 ? `${count(size)} bytes` : `${Number((size / 1e6).toPrecision(3))} MB`;
}
