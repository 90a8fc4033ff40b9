import { mkdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { onDiskSync } from "../../checkpoint/index.js";
import { EXPORT_FORMATS, type ExportFormat, FORMAT_NAMES } from "../../export/formats.js";
import { largestDifference, scoreFirstRows } from "../../export/scored-rows.js";
import type { TrainedModel } from "../../saved/model.js";
import { count } from "../../show-value.js";
import { modelOptions, openModelOf } from "../model-options.js";
import { choiceOption, command } from "../usage.js";

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
    verify: {
      type: "boolean",
      description: "Score 10,000 rows of the test split with the model and with the export, and compare",
    },
  },
  async (args, rawArgs) => {
    const format: ExportFormat = EXPORT_FORMATS[choiceOption("format", args.format, FORMAT_NAMES)!];
    const model = await openModelOf(args, rawArgs);
    const output = args.output ?? join(args.run, "exports", format.file);
    onDiskSync("the directory cannot be created", dirname(resolve(output)), () =>
      mkdirSync(dirname(resolve(output)), { recursive: true }),
    );
    for (const file of await format.write(model, output)) console.log(`${file}: ${sizeText(file)}`);
    if (args.verify) await verify(format, model, output);
  },
);

async function verify(format: ExportFormat, model: TrainedModel, output: string): Promise<void> {
  const rows = await scoreFirstRows(model);
  const difference = largestDifference(await format.score(model, output, rows), rows.logits);
  const largest = Math.max(...rows.logits.map(Math.abs));
  console.log(
    `${count(rows.count)} rows scored both ways: the largest difference of logits is ${difference.toExponential(1)}, of logits up to ${largest.toPrecision(3)}`,
  );
}

function sizeText(file: string): string {
  const { size } = statSync(file);
  return size < 1e6 ? `${count(size)} bytes` : `${Number((size / 1e6).toPrecision(3))} MB`;
}
