import type { DataInput, SourceInput } from "../data/data-config.js";
import { ownValue } from "../own-value.js";
import type { Section } from "./section.js";

/** The kinds of data that are files. */
const FILES = ["ParquetDataset", "CsvDataset"];

const CLUSTER = "concerns the data loaders of TorchEasyRec";

/** The data section of a pipeline config, converted. */
export interface DataSettings {
  readonly data: DataInput;
  readonly batchSize: number;
  /** True if the rows are shuffled in each epoch. */
  readonly shuffle: boolean;
  /** The probability that the features with `use_mask` are missing in a sample of training. */
  readonly maskRate: number;
  /**
   * `raw`: columns are inputs of features (FG_DAG, FG_NORMAL). `encoded`: columns are ids and numbers (FG_NONE).
   * `bucketize`: columns are feature values that are not ids yet.
   */
  readonly columns: "raw" | "encoded" | "bucketize";
  /** Separator of multi-valued texts, if the columns are features. */
  readonly encodedSeparator: string;
}

/** `train_input_path`, `eval_input_path` and `data_config`. @throws ImportError */
export function mapData(root: Section): DataSettings {
  const section = root.required("data_config");
  const source = sourceOptions(section);
  const isFiles = FILES.includes(section.choice("dataset_type")!);
  const train = files(root, "train_input_path", isFiles) ?? toFillIn(root, "train_input_path");
  const valid = files(root, "eval_input_path", isFiles);
  root.ignore(["item_input_path"], "is only for recall models");
  const weight = firstOf(section, "sample_weight_fields");
  if (weight !== undefined)
    section.warn(
      "sample_weight_fields",
      "are divided by their mean in each batch in TorchEasyRec, but not in Pairloom",
    );
  refuse(section);
  return {
    data: {
      train: { path: train, ...source },
      ...(valid && { valid: { path: valid, ...source } }),
      label: firstOf(section, "label_fields") ?? section.missing("label_fields"),
      ...(weight !== undefined && { weight }),
    },
    batchSize: section.number("batch_size")!,
    shuffle: section.boolean("shuffle")!,
    maskRate: section.number("sample_mask_prob")!,
    columns: columnsOf(section),
    encodedSeparator: section.text("fg_encoded_multival_sep")!,
  };
}

/** Comma-separated files or patterns; a path to fill in for what is no file. */
function files(root: Section, name: string, isFiles: boolean): string | string[] | undefined {
  const paths = (root.text(name) ?? "")
    .split(",")
    .map((path) => path.trim())
    .filter((path) => path !== "");
  const isLocal = isFiles && !paths.some((path) => /^\w+:\/\//.test(path));
  if (paths.length > 0 && !isLocal) return toFillIn(root, name);
  return paths.length > 1 ? paths : paths[0];
}

/** TorchEasyRec's command line can set the paths, so a config may lack them. */
function toFillIn(root: Section, name: string): string {
  const split = name.startsWith("train") ? "train" : "valid";
  const isCsv = root.required("data_config").choice("dataset_type") === "CsvDataset";
  const path = `path/to/${split}/*.${isCsv ? "csv" : "parquet"}`;
  const isEmpty = (root.text(name) ?? "") === "";
  const why = isEmpty ? "is empty" : "is not a path of local files: export the table to Parquet or CSV files";
  root.warn(name, `${why}; set data.${split}.path, which is now "${path}"`);
  return path;
}

function sourceOptions(section: Section): Omit<SourceInput, "path"> {
  const type = section.choice("dataset_type")!;
  if (type !== "CsvDataset") {
    if (!FILES.includes(type))
      section.warn("dataset_type", `${type} has no counterpart: export the table to Parquet files`);
    section.ignore(["delimiter", "with_header", "input_fields", "input_fields_str"], "is for CSV files");
    return { format: "parquet" };
  }
  const fields = inputFields(section);
  const isKnown = section.has("with_header") || fields.length > 0;
  const header = section.boolean("with_header");
  const delimiter = section.text("delimiter")!;
  const types = Object.fromEntries(fields.flatMap(({ name, sql }) => (sql ? [[name, sql]] : [])));
  return {
    format: "csv",
    ...(isKnown && { header }),
    ...(header === false && fields.length > 0 && { columns: fields.map(({ name }) => name) }),
    ...(delimiter !== "," && { delimiter }),
    ...(Object.keys(types).length > 0 && { types }),
  };
}

const SQL_TYPES: Readonly<Record<string, string>> = {
  INT32: "INTEGER",
  INT64: "BIGINT",
  STRING: "VARCHAR",
  FLOAT: "FLOAT",
  DOUBLE: "DOUBLE",
};

/** `input_fields_str`, or else `input_fields`. In a CSV file lists and maps are texts, which the features split. */
function inputFields(section: Section): { name: string; sql?: string }[] {
  const brief = section.text("input_fields_str") ?? "";
  if (brief.trim() === "")
    return section.sections("input_fields").map((field) => {
      const name = field.text("input_name") ?? field.missing("input_name");
      const type = field.has("input_type") && field.choice("input_type")!;
      return { name, ...(type && { sql: SQL_TYPES[type] ?? "VARCHAR" }) };
    });
  section.ignore(["input_fields"], "has no effect beside input_fields_str");
  const fields = brief.split(";").filter((field) => field.trim() !== "");
  return fields.map((field) => briefField(section, field));
}

const SCALAR = "(?:INT32|INT64|STRING|FLOAT|DOUBLE)";
const ARRAY_OR_MAP = new RegExp(
  `^(ARRAY<(${SCALAR}|ARRAY<${SCALAR}>)>|MAP<(STRING|INT32|INT64),${SCALAR}>)$`,
);

/** `name:TYPE`, the type in any case and with the aliases INT and BIGINT. */
function briefField(section: Section, field: string): { name: string; sql: string } {
  const [, name, type] = /^([^:]+):(.+)$/s.exec(field.trim()) ?? [];
  const known = type
    ?.toUpperCase()
    .replaceAll(/\s/g, "")
    .replaceAll(/\bBIGINT\b/g, "INT64")
    .replaceAll(/\bINT\b/g, "INT32");
  const sql = ownValue(SQL_TYPES, known ?? "") ?? (ARRAY_OR_MAP.test(known ?? "") ? "VARCHAR" : undefined);
  if (name !== undefined && sql !== undefined) return { name: name.trim(), sql };
  throw section.error("input_fields_str", {
    what: "this field has no name or no known type",
    got: field.trim(),
    expected: "name:TYPE with INT, BIGINT, STRING, FLOAT, DOUBLE, ARRAY<…> or MAP<…>",
    next: "Correct the field; TorchEasyRec would refuse it too.",
  });
}

function columnsOf(section: Section): DataSettings["columns"] {
  // The older fg_encoded counts where both are set.
  const isOld = section.has("fg_encoded");
  const encoded = section.boolean("fg_encoded") ? "FG_NONE" : "FG_DAG";
  const given = section.choice("fg_mode");
  const mode = isOld ? encoded : given;
  if (isOld && given !== encoded)
    section.ignore(["fg_mode"], `has no effect beside fg_encoded, which means ${encoded}`);
  if (!isOld && !section.has("fg_mode"))
    section.warn(
      "fg_mode",
      "is not set, so the columns are encoded features, as in TorchEasyRec; set FG_DAG if they are raw inputs",
    );
  if (mode === "FG_NONE") return "encoded";
  if (mode !== "FG_BUCKETIZE")
    section.ignore(["fg_encoded_multival_sep"], `has no effect with ${mode}: features have a separator`);
  return mode === "FG_BUCKETIZE" ? "bucketize" : "raw";
}

function refuse(section: Section): void {
  section.ignore(
    [
      "num_workers",
      "pin_memory",
      "fg_threads",
      "is_orderby_partition",
      "odps_data_quota_name",
      "odps_data_compression",
    ],
    CLUSTER,
  );
  section.ignore(
    ["force_base_data_group", "in_order", "shuffle_buffer_size", "negative_sample_mask_prob"],
    CLUSTER,
  );
  section.ignore(["eval_batch_size"], "changes no result; Pairloom chooses it");
  section.ignore(
    ["drop_remainder", "min_batch_size"],
    "has no counterpart: the last batch of an epoch is trained on",
  );
  section.ignore(
    ["sample_cost_field", "batch_cost_size"],
    "has no counterpart: batches have batch_size rows",
  );
}

/** In both systems a ranking model uses the first column only. */
function firstOf(section: Section, name: string): string | undefined {
  const [first, ...others] = section.texts(name);
  if (others.length > 0) section.warn(name, `has several columns; a ranking model uses the first: ${first}`);
  return first;
}
