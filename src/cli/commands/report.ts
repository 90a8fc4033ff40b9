import { join } from "node:path";
import { replaceFile } from "../../checkpoint/index.js";
import { gatherReport } from "../../report/gather.js";
import { reportPage } from "../../report/page/page.js";
import { SCORED_ROWS } from "../../report/score-run.js";
import { LATEST } from "../../saved/run-directory.js";
import { Counter } from "../counter.js";
import { filled } from "../fill-lines.js";
import { modelOptions, openModelOf, scoringOf } from "../model-options.js";
import { command, countOption } from "../usage.js";

const PAGE = "report.html";

/** The options of commands that show a run. */
export const reportOptions = {
  ...modelOptions,
  run: { type: "positional", description: `Run directory (default ${LATEST})`, default: LATEST },
  rows: {
    type: "string",
    valueHint: "n",
    description: `Rows of the held-out split to score at most (default ${SCORED_ROWS})`,
  },
} as const;

export const report = command(
  "report",
  {
    ...reportOptions,
    output: { type: "string", valueHint: "file", description: `Where to write (default <run>/${PAGE})` },
    json: { type: "boolean", description: "Print the numbers as JSON, or write them to --output" },
  },
  async (args, rawArgs) => {
    const counter = new Counter();
    const data = await gatherReport(args.run, () => openModelOf(args, rawArgs), {
      ...scoringOf(args),
      rows: countOption("rows", args.rows),
      onPart: (part) => counter.show(part),
    }).finally(() => counter.stop());
    if (args.json && args.output === undefined) return console.log(JSON.stringify(data));
    const output = args.output ?? join(args.run, PAGE);
    await replaceFile(output, args.json ? `${JSON.stringify(data, null, 2)}\n` : reportPage(data));
    for (const warning of data.warnings) console.error(filled(`warning: ${warning}`, "  "));
    for (const reason of new Set(Object.values(data.leftOut)))
      console.error(filled(`left out: ${reason}`, "  "));
    console.log(output);
  },
);
