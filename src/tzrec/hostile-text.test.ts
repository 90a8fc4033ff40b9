import { expect, it } from "vitest";
import { importPipeline } from "./import-config.js";
import { ImportError } from "./import-error.js";
import { parsePipeline } from "./pipeline-text.js";

/* What protobuf refuses is refused, what it accepts has the same value, and no text takes long or overflows the stack. */

const dataConfig = (text: string, file: string) => parsePipeline(text, file, []).root.section("data_config")!;

it.each(["10", "10.0", "1e1", '"10"', '"1e1"', '"10.0"'])("in JSON, %s is the integer 10", (value) => {
  expect(dataConfig(`{"data_config": {"batch_size": ${value}}}`, "p.json").number("batch_size")).toBe(10);
});

it.each([
  [
    "a key twice",
    '{"data_config": {"batch_size": 1,\n"batch_size": 2}}',
    /p.json:2: the key batch_size stands twice/,
  ],
  ["a text for a boolean", '{"data_config": {"shuffle": "true"}}', /true or false/],
  ["a value for a list", '{"data_config": {"label_fields":\n "y"}}', /p.json:2: label_fields is a list/],
  ["a number with a space", '{"data_config": {"batch_size": " 10"}}', /an integer/],
  ["a fraction", '{"data_config": {"batch_size": 10.5}}', /an integer/],
  ["deep values", `{"data_config": ${"[".repeat(1e5)}${"]".repeat(1e5)}}`, /nested more than/],
])("in JSON, %s is refused", (_, text, message) => {
  expect(() => dataConfig(text, "p.json")).toThrow(ImportError);
  expect(() => dataConfig(text, "p.json")).toThrow(message);
});

it("an enum in hexadecimal and -0 are integers", () => {
  const section = dataConfig("data_config { fg_mode: 0x2 batch_size: -0 }", "p.config");
  expect(section.choice("fg_mode")).toBe(
    dataConfig("data_config { fg_mode: 2 }", "p.config").choice("fg_mode"),
  );
  expect(section.number("batch_size")).toBe(0);
  expect(() => dataConfig("data_config { fg_mode: 0x99 }", "p.config")).toThrow(/FG_DAG/);
  expect(() => dataConfig("data_config { batch_size: -1 }", "p.config")).toThrow(/at least 0/);
});

it("messages that are nested too deep are refused by line", () => {
  const text = `${"data_config {\n".repeat(3000)}${"}".repeat(3000)}`;
  expect(() => dataConfig(text, "p.config")).toThrow(/p.config:101: messages are nested too deep/);
});

it("bytes that are not UTF-8 are refused, also as escapes", () => {
  const text = (path: string) => `data_config { label_fields: "${path}" }`;
  for (const wrong of ["\\xff", "é\\377", "\\xc3", "\\\\\\xff"])
    expect(() => dataConfig(text(wrong), "p.config")).toThrow(/not UTF-8/);
  const right = ["\\xc3\\xa9", "\\303\\251", "é", "\\u00e9"];
  for (const each of right) expect(dataConfig(text(each), "p.config").texts("label_fields")).toEqual(["é"]);
  expect(dataConfig(text("\\\\xff"), "p.config").texts("label_fields")).toEqual(["\\xff"]);
});

it("escapes are those of Python's protobuf", () => {
  const read = (written: string) =>
    dataConfig(`data_config { label_fields: "${written}" }`, "p.config").texts("label_fields")[0];
  // What google.protobuf.text_format of Python reads, version 7.
  const meant: Record<string, string> = {
    "a\\.b": "a\\.b",
    "a\\?b": "a\\?b",
    "a\\X41b": "a\\X41b",
    "a\\x41b": "aAb",
    "a\\x4": "a\x04",
    "\\d+\\w": "\\d+\\w",
    "\\e\\8": "\\e\\8",
    "\\1234": "S4",
    "\\\\.": "\\.",
    "\\\\\\.": "\\\\.",
    "\\u0041\\U0001f600": "A\u{1f600}",
  };
  for (const [written, text] of Object.entries(meant)) expect(read(written)).toBe(text);
  for (const wrong of ["\\xg", "\\u12", "\\400", "\\N{BULLET}"])
    expect(() => read(wrong)).toThrow(/the value has another type/);
});

it("a regular expression that would take years is refused", () => {
  const text = `train_input_path: "d.csv"
train_config { num_epochs: 1 sparse_optimizer { adagrad_optimizer { lr: 0.1 } } dense_optimizer { adam_optimizer { lr: 0.1 }
  part_optimizers { regex_pattern: "(.+)+X" adam_optimizer { lr: 0.1 } } } }
data_config { batch_size: 32 dataset_type: CsvDataset fg_mode: FG_DAG label_fields: "y" input_fields_str: "a:STRING" }
feature_configs { id_feature { feature_name: "a" expression: "user:a" hash_bucket_size: 10 embedding_dim: 4 } }
model_config { feature_groups { group_name: "all" feature_names: "a" group_type: DEEP }
  dcn_v2 { cross { cross_num: 1 } final { hidden_units: 4 } } losses { binary_cross_entropy {} } }`;
  expect(() => importPipeline(text, "p.config")).toThrow(/p.config:3: .*regex_pattern: .*takes too long/);
});
