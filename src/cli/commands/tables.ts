import { exportTable } from "../../run/table-file.js";
import { selectBackend } from "../../saved/backend.js";
import { findCheckpoint } from "../../saved/find-checkpoint.js";
import { describeModel } from "../../saved/model.js";
import { type FoundRow, type SavedTable, SavedTables } from "../../saved/tables.js";
import { shellWord } from "../../shell-word.js";
import { count } from "../../show-value.js";
import { checkpointChoice, importModulesOption } from "../model-options.js";
import { table } from "../text-table.js";
import { command, listOption, UsageError } from "../usage.js";

export const tables = command(
  "tables",
  {
    run: { type: "positional", description: "Run directory, or one of its checkpoints", required: true },
    checkpoint: {
      type: "string",
      valueHint: "best|latest|step",
      description: "Which checkpoint (default best)",
    },
    table: {
      type: "string",
      valueHint: "name",
      description: "The table to look into; not needed if there is one",
    },
    id: { type: "string", valueHint: "value", description: "Look up the row of a value; may be repeated" },
    output: {
      type: "string",
      valueHint: "file",
      description: "Write the rows of the table to a .parquet file",
    },
    "import-modules": importModulesOption,
    json: { type: "boolean", description: "Print JSON instead of tables" },
  },
  async (args, rawArgs) => {
    const checkpoint = await findCheckpoint(args.run, checkpointChoice(args.checkpoint), console.error);
    const model = await describeModel(checkpoint, { importModules: args["import-modules"] });
    const opened = await SavedTables.open(checkpoint, model, selectBackend().backend);
    try {
      const ids = listOption("id", rawArgs);
      if (ids.length === 0 && args.output === undefined)
        return print(args.json, opened.tables.map(factsOf), LIST);
      const chosen = chosenTable(opened.tables, args.table);
      const found = [];
      for (const id of ids) found.push(shownRow(id, await opened.find(chosen, id)));
      if (found.length > 0) print(args.json, found, Object.keys(found[0]));
      if (args.output !== undefined) await exportTable(opened, chosen, args.output);
    } finally {
      await opened.close();
    }
  },
);

type Facts = Readonly<Record<string, string | number | readonly number[] | undefined>>;

const LIST = ["table", "kind", "rows", "dim", "features"];

function factsOf({ name, rows, dim, dynamic, vocabulary, features }: SavedTable): Facts {
  const kind = dynamic ? "dynamic" : vocabulary ? "vocabulary" : (features[0]?.mapping.kind ?? "part");
  return { table: name, kind, rows, dim, features: features.map((feature) => feature.name).join(", ") };
}

function shownRow(id: string, { key, row, score, vector }: FoundRow): Facts {
  return { id, ...(key !== undefined && { key: String(key), score }), row, vector: [...vector] };
}

function print(json: boolean | undefined, facts: readonly Facts[], head: readonly string[]): void {
  const left = head.flatMap((name, i) => (["kind", "features", "vector"].includes(name) ? [i] : []));
  const rows = facts.map((each) => head.map((name) => text(each[name])));
  console.log(json ? JSON.stringify(facts) : table(head, rows, left));
}

function text(value: Facts[string]): string {
  if (typeof value === "number") return count(value);
  return typeof value === "string" ? value : (value ?? []).map((number) => number.toPrecision(4)).join(" ");
}

/** By its whole name, or by the name between `embeddings.` and `.weight`. */
function chosenTable(all: readonly SavedTable[], name: string | undefined): SavedTable {
  const found = name === undefined ? all : all.filter((each) => isNamed(each, name));
  if (found.length === 1) return found[0];
  const names = (found.length > 1 ? found : all).map((each) => each.name);
  throw new UsageError({
    what:
      name === undefined
        ? "the model has several tables"
        : `--table names ${found.length > 1 ? "several tables" : "no table"}`,
    where: "--table",
    got: name,
    expected: `one of ${names.join(", ")}`,
    next: `For example --table ${shellWord(names[0])}.`,
  });
}

const isNamed = ({ name }: SavedTable, wanted: string): boolean =>
  name === wanted || name.endsWith(`.${wanted}.weight`);
