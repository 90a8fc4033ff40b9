import { configStats, fileStats } from "../../init/table-stats.js";
import { loadConfig } from "../../saved/config-file.js";
import { columnTable, valueLines } from "../profile-tables.js";
import { count, plural } from "../tables.js";
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
    const sampled =
      profile.sampleRows < profile.rows
        ? `; values, AUC and drift are those of ${count(profile.sampleRows)} random rows`
        : "";
    console.log(`${plural(profile.rows, "row")}, ${plural(profile.columns.length, "column")}${sampled}`);
    if (profile.malformed.length > 0)
      console.log(
        `${plural(profile.malformed.length, "malformed row")}, the first: ${profile.malformed[0].file}, line ${profile.malformed[0].line}: ${profile.malformed[0].reason}`,
      );
    for (const note of profile.label?.notes ?? []) console.log(`Label ${profile.label!.name}: ${note}`);
    console.log(columnTable(profile));
    if (profile.label)
      console.log("AUC: how well the column alone ranks the label, 0.5 (not at all) to 1 (perfectly)");
    console.log(
      `drift: population stability index of ${parts[0]} and ${parts.slice(1).join(" or ")}; 0.1 is noticeable, 0.25 large`,
    );
    console.log(`\n${valueLines(profile).join("\n")}`);
  },
);
