import { existsSync, writeFileSync } from "node:fs";
import { onDiskSync } from "../../checkpoint/index.js";
import { resolveConfig } from "../../config/config.js";
import { printConfig } from "../../config/print-config.js";
import { type InitResult, initConfig } from "../../init/init-config.js";
import { sqlWithoutLabel } from "../../run/sql-without-label.js";
import { shellWord, sqlOption } from "../../shell-word.js";
import { count } from "../../show-value.js";
import { filled } from "../fill-lines.js";
import { plural } from "../tables.js";
import { command, UsageError } from "../usage.js";

export const init = command(
  "init",
  {
    data: {
      type: "positional",
      description: "A file, or a pattern in quotes: csv, tsv, parquet, json",
      required: true,
    },
    label: {
      type: "string",
      valueHint: "column",
      description: "The column to predict (default: guessed from the names)",
    },
    columns: {
      type: "string",
      valueHint: "a,b,...",
      description: "Names of the columns of a text file without a header, in order",
    },
    output: {
      type: "string",
      valueHint: "file",
      description: "Where to write the config (default pairloom.config.ts)",
    },
    force: { type: "boolean", description: "Overwrite the file" },
  },
  async (args) => {
    const output = args.output ?? "pairloom.config.ts";
    if (!args.force) refuseExisting(output);
    const columns = args.columns?.split(",").map((name) => name.trim());
    const { proposal, profile, label, isGuessed } = await initConfig({
      path: args.data,
      label: args.label,
      columns,
    });
    const head = [
      `Made from ${args.data} by \`pairloom init\`: a start, to be changed. ${count(profile.rows)} rows.`,
      "docs/config.md explains the sections, docs/features.md the features.",
    ];
    const text = printConfig(proposal.config, { head, above: proposal.notes });
    onDiskSync("the config cannot be written", output, () => writeFileSync(output, text));
    tell({ proposal, profile, label, isGuessed });
    console.log(`\nWrote ${output}, with the reason of every choice. Next:`);
    console.log(`  npx pairloom train ${shellWord(output)}`);
    const sql = sqlOption(await sqlWithoutLabel(resolveConfig(proposal.config).data));
    console.log(`  npx pairloom predict runs/latest --data <file> --output scores.csv${sql}`);
  },
);

function tell({ proposal, profile, label, isGuessed }: InitResult): void {
  const { decisions, crosses, split } = proposal;
  const guessed = isGuessed ? " (guessed from its name; --label names another)" : "";
  const leftOut = decisions.filter(({ isLeftOut }) => isLeftOut);
  say(
    `${plural(profile.rows, "row")}, ${plural(profile.columns.length, "column")}${profile.repeated.length > 0 ? ", not counting those with the same name" : ""}`,
  );
  if (profile.malformed.length > 0) say(`${plural(profile.malformed.length, "malformed line")} left out`);
  say(`Label: ${label.name}${guessed}. ${label.notes.join(" ")}`);
  say(split.reason);
  say(
    `${plural(proposal.config.features.length, "feature")} from ${plural(decisions.length - leftOut.length, "column")}`,
  );
  if (crosses.length > 0)
    say(`Crosses that say more than their columns: ${crosses.map(({ column }) => column).join(", ")}`);
  if (leftOut.length > 0) say("Left out:");
  for (const { column, reason } of leftOut.slice(0, MOST_TOLD)) say(`- ${column}: ${reason}`);
  if (leftOut.length > MOST_TOLD) say(`- and ${leftOut.length - MOST_TOLD} more, see the config`);
}

const say = (text: string): void => console.log(filled(text, "  "));

/** Columns without features that are told; the config lists all. */
const MOST_TOLD = 10;

/** The user may have edited the config. */
function refuseExisting(output: string): void {
  if (!existsSync(output)) return;
  throw new UsageError({
    what: "the config already exists and is not overwritten",
    where: output,
    next: "Name another file with --output, or add --force to overwrite it.",
  });
}
