import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { type ReflectList, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { mergeFromText } from "@bufbuild/protobuf/txtpb";
import { type ErrorReport, messageOf } from "../errors.js";
import { nearNames } from "../near-names.js";
import { ImportError } from "./import-error.js";
import { textOfJson } from "./json-text.js";
import { Notes, Section } from "./section.js";
import { type SourceField, sourceFields } from "./source-lines.js";
import { pipelineSchema } from "./tzrec-schema.js";
import { asRead, whyWrongValue } from "./value-types.js";

/**
 * Parses a pipeline config. As in TorchEasyRec, a file whose name ends in `.json` has protobuf's JSON format; the last
 * value of a setting counts, and a message that is written in parts is one.
 * @param file named in errors
 * @param models the kinds of models that can be imported; another is refused before anything else
 * @throws ImportError with path and line, for text that is not in protobuf's text format, for a name that TorchEasyRec
 *   does not have, and for a value of another type
 */
export function parsePipeline(
  text: string,
  file: string,
  models: readonly string[],
): { root: Section; notes: Notes } {
  const source = file.endsWith(".json") ? textOfJson(text, file) : text;
  const fields = sourceFields(source, file, hasOneValue);
  checkModel(fields, file, models);
  checkFields(fields, file);
  const notes = new Notes(file, new Map(fields.map(({ key, line }) => [key, line])));
  warnOfRepeated(fields, notes);
  return { root: new Section(readMessage(fields, file), notes), notes };
}

function hasOneValue(names: readonly string[]): boolean {
  const kind = fieldAt(names)?.fieldKind;
  return kind !== undefined && kind !== "list" && kind !== "map";
}

function warnOfRepeated(fields: readonly SourceField[], notes: Notes): void {
  const seen = new Set<string>();
  for (const field of fields.filter(({ value }) => value !== undefined)) {
    const { key, value, names } = field;
    const map = fieldAt(names.slice(0, -1))?.fieldKind === "map" && names[names.length - 1] === "key";
    const [set, what] = map
      ? [`${mapOf(key)} ${value}`, `has the key ${value} again`]
      : [key, "is set again"];
    if (seen.has(set))
      notes.warn(key, map ? mapOf(pathOf(field)) : pathOf(field), `${what}: the last value counts`);
    seen.add(set);
  }
}

/** Of a key of a map: the map, without the place of the entry. */
const mapOf = (path: string) => parentOf(path).replace(/\[\d+\]$/, "");

/** The library reads the values one by one, so that an error has a line. */
function readMessage(fields: readonly SourceField[], file: string): ReflectMessage {
  const root = reflect(pipelineSchema);
  const messages = new Map([["", root]]);
  for (const field of fields) {
    const parent = messages.get(parentOf(field.key));
    if (!parent) continue; // an entry of a map, which is read whole
    const name = field.names[field.names.length - 1];
    const desc = parent.desc.fields.find((each) => each.name === name)!;
    if (desc.fieldKind !== "map" && desc.message) messages.set(field.key, inner(parent, desc));
    else readValue(parent, field, desc, file);
  }
  return root;
}

/** The message of a field: a new one in a list, otherwise the one that is there. */
function inner(parent: ReflectMessage, desc: DescField): ReflectMessage {
  const isThere = desc.fieldKind === "message" && parent.isSet(desc);
  if (isThere) return parent.get(desc) as ReflectMessage;
  const message = reflect(desc.message!);
  if (desc.fieldKind === "list") (parent.get(desc) as ReflectList).add(message);
  else parent.set(desc, message);
  return message;
}

function readValue(parent: ReflectMessage, field: SourceField, desc: DescField, file: string): void {
  try {
    mergeFromText(parent.desc, parent.message, `${desc.name}: ${asRead(desc, field.source)}`);
  } catch (error) {
    const report = {
      what: "this is not valid protobuf text",
      got: messageOf(error),
      expected: "protobuf's text format",
      next: "Correct the value.",
    };
    throw errorAt(file, field, report);
  }
}

const parentOf = (key: string) => key.slice(0, Math.max(0, key.lastIndexOf(".")));

/** Who has a model of another kind need not read about its other settings. */
function checkModel(fields: readonly SourceField[], file: string, models: readonly string[]): void {
  const known = messageAt(["model_config"])!.oneofs.find(({ name }) => name === "model")!.fields;
  for (const field of fields) {
    const [section, name, ...inner] = field.names;
    const isModel =
      section === "model_config" && inner.length === 0 && known.some((each) => each.name === name);
    if (!isModel || models.includes(name)) continue;
    throw errorAt(file, field, {
      what: "this model has no counterpart",
      got: name,
      expected: models.join(", "),
      next: "Use one of these models; Pairloom has the product-based ranking models.",
    });
  }
}

/** Names, repetitions and types, which the parser would refuse without saying where. */
function checkFields(fields: readonly SourceField[], file: string): void {
  const chosen = new Map<string, string>();
  for (const field of fields) {
    const parent = messageAt(field.names.slice(0, -1));
    if (!parent) continue;
    const name = field.names[field.names.length - 1];
    const known = parent.fields.find((each) => each.name === name);
    const report = known ? (whyWrong(known, field) ?? whyTwo(known, field, chosen)) : unknown(name, parent);
    if (report) throw errorAt(file, field, report);
  }
}

/** @param chosen the member that is set of every `oneof` so far */
function whyTwo(
  field: DescField,
  { key }: SourceField,
  chosen: Map<string, string>,
): ErrorReport | undefined {
  if (!field.oneof) return undefined;
  const choice = `${parentOf(key)} ${field.oneof.name}`;
  const first = chosen.get(choice) ?? field.name;
  chosen.set(choice, first);
  if (first === field.name) return undefined;
  return { what: `${first} and ${field.name} cannot be used together`, next: "Keep one of them." };
}

function unknown(name: string, parent: DescMessage): ErrorReport {
  const known = parent.fields.map((field) => field.name);
  return {
    what: "TorchEasyRec has no such setting",
    got: name,
    expected: `a setting of ${parent.name}: ${nearNames(name, known).slice(0, 6).join(", ")}${known.length > 6 ? ", …" : ""}`,
    next: "Correct the name, or remove the setting.",
  };
}

function whyWrong(field: DescField, { value, ...source }: SourceField): ErrorReport | undefined {
  const isList = field.fieldKind === "list" || field.fieldKind === "map";
  if (value !== undefined && !source.hasColon)
    return {
      what: "a colon is missing",
      got: `${field.name} ${value}`,
      expected: `${field.name}: ${value}`,
      next: "Add it.",
    };
  if (source.isListed && !isList)
    return { what: "this setting has one value", got: "a list", next: "Remove the brackets." };
  return whyWrongValue(field, value);
}

function errorAt(file: string, field: SourceField, report: ErrorReport): ImportError {
  return new ImportError({
    ...report,
    what: `${pathOf(field)}: ${report.what}`,
    where: `${file}:${field.line}`,
  });
}

/** `feature_configs[3].id_feature.zch`: indices of lists only. */
function pathOf({ key, names }: SourceField): string {
  const steps = key.split(".").map((step, i) => {
    return fieldAt(names.slice(0, i + 1))?.fieldKind === "list" ? step : names[i];
  });
  return steps.join(".");
}

/** The field at a path of names, where the schema has one. */
function fieldAt(names: readonly string[]): DescField | undefined {
  return messageAt(names.slice(0, -1))?.fields.find(({ name }) => name === names[names.length - 1]);
}

/** The message at a path of names, where the schema has one. */
function messageAt(names: readonly string[]): DescMessage | undefined {
  let message: DescMessage | undefined = pipelineSchema;
  for (const name of names) {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    message = field?.fieldKind === "map" ? undefined : field?.message;
  }
  return message;
}
