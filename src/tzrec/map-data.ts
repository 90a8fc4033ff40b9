import type { DataInput, SourceInput } from "../data/data-config.js";
import type { Section } from "./section.js";

const CLUSTER = "concerns the data loaders of TorchEasyRec";

/** The data section of a pipeline config, converted. */
export interface DataSettings {
  readonly data: DataInput;
  readonly batchSize: number;
  /** True if the rows are shuffled in each epoch. */
  readonly shuffle: boolean;
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
  const train = files(root, "train_input_path") ?? root.missing("train_input_path");
  const valid = files(root, "eval_input_path");
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
    columns: columnsOf(section),
    encodedSeparator: section.text("fg_encoded_multival_sep")!,
  };
}

/** Comma-separated files or patterns. */
function files(root: Section, name: string): string | string[] | undefined {
  const text = root.text(name) ?? "";
  const remote = /^\w+:\/\//.exec(text);
  if (remote)
    throw root.error(name, {
      what: "this kind of source has no counterpart",
      expected: "Parquet or CSV files",
      next: "Export the table to Parquet files, and set their paths.",
    });
  const paths = text
    .split(",")
    .map((path) => path.trim())
    .filter((path) => path !== "");
  return paths.length > 1 ? paths : paths[0];
}

function sourceOptions(section: Section): Omit<SourceInput, "path"> {
  const type = section.choice("dataset_type")!;
  const fields = inputFields(section);
  if (type === "ParquetDataset") {
    section.ignore(["delimiter", "with_header"], "is for CSV files");
    return { format: "parquet" };
  }
  if (type !== "CsvDataset")
    throw section.error("dataset_type", {
      what: "this kind of source has no counterpart",
      got: type,
      expected: "ParquetDataset or CsvDataset",
      next: "Export the table to Parquet files, and set dataset_type and the paths.",
    });
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
  INT: "INTEGER",
  BIGINT: "BIGINT",
  STRING: "VARCHAR",
  FLOAT: "FLOAT",
  DOUBLE: "DOUBLE",
};

function inputFields(section: Section): { name: string; sql?: string }[] {
  const listed = section.sections("input_fields").map((field) => {
    return {
      name: field.text("input_name") ?? field.missing("input_name"),
      type: field.choice("input_type"),
    };
  });
  const inText = (section.text("input_fields_str") ?? "").split(";").filter((field) => field.trim() !== "");
  const brief = inText.map((field) => {
    const [name, type] = field.split(":").map((part) => part.trim());
    return { name, type };
  });
  // In a CSV file lists and maps are texts, which the features split.
  return [...listed, ...brief].map(({ name, type }) => ({
    name,
    ...(type && { sql: SQL_TYPES[type] ?? "VARCHAR" }),
  }));
}

function columnsOf(section: Section): DataSettings["columns"] {
  // The older fg_encoded counts where both are set.
  const isOld = section.has("fg_encoded");
  const encoded = section.boolean("fg_encoded") ? "FG_NONE" : "FG_DAG";
  const given = section.choice("fg_mode");
  const mode = isOld ? encoded : given;
  if (!isOld && !section.has("fg_mode"))
    section.warn(
      "fg_mode",
      "is not set, so the columns are encoded features, as in TorchEasyRec; set FG_DAG if they are raw inputs",
    );
  if (mode === "FG_NONE") return "encoded";
  return mode === "FG_BUCKETIZE" ? "bucketize" : "raw";
}

function refuse(section: Section): void {
  section.onlyDefault("sample_mask_prob", 0, "Remove it: Pairloom does not mask samples.");
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
