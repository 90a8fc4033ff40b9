import type { Profile } from "../../init/profile.js";
import { configStats, fileStats } from "../../init/table-stats.js";
import { loadConfig } from "../../saved/config-file.js";
import { count } from "../../show-value.js";
import { columnTable, valueLines } from "../column-tables.js";
import { filled } from "../fill-lines.js";
import { plural } from "../tables.js";
import { command, UsageError } from "../usage.js";

export const stats = command(
  "stats",
  {
    data: {
      type: "positional",
      description: "A file, or a pattern in quotes: csv, tsv, parquet, json",
      required: false,
    },
    label: { type: "string", valueHint: "column", description: "Show how the label depends on each column" },
    config: {
      type: "string",
      valueHint: "file",
      description: "Instead of data: the data, label and splits of a config",
    },
  },
  async (args) => {
    if ((args.data === undefined) === (args.config === undefined))
      throw new UsageError({
        what: "stats needs either a data file or --config",
        next: "For example: npx pairloom stats clicks.csv --label clicked.",
      });
    const { profile, parts } = args.config
      ? await configStats((await loadConfig(args.config)).config)
      : await fileStats(args.data!, args.label);
    tell(profile, parts);
  },
);

function tell(profile: Profile, parts: readonly string[]): void {
  const { rows, columns, repeated, sampleRows, malformed, label } = profile;
  say(`${plural(rows, "row")}, ${plural(columns.length, "column")}`);
  if (repeated.length > 0)
    say(`Not shown, since other columns have the same name (capitals do not count): ${repeated.join(", ")}`);
  if (sampleRows < rows) say(`Values, AUC and drift are those of ${count(sampleRows)} rows drawn at random.`);
  if (malformed.length > 0)
    say(`${plural(malformed.length, "malformed line")}, the first: ${firstOf(malformed)}`);
  for (const note of label?.notes ?? []) say(`Label ${label!.name}: ${note}`);
  console.log(columnTable(profile));
  if (label) say("AUC: how well the column alone ranks the label, from 0.5 (not at all) to 1 (perfectly)");
  const others = parts.slice(1).join(" or ");
  say(`drift: population stability index of ${parts[0]} and ${others}; 0.1 is noticeable, 0.25 is large`);
  console.log("");
  for (const line of valueLines(profile)) console.log(line);
}

const firstOf = ([{ file, line, reason }]: Profile["malformed"]): string =>
  `${file}, line ${line}: ${reason}`;
const say = (text: string): void => console.log(filled(text));
