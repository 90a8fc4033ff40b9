// Writes src/tzrec/tzrec-messages.generated.ts from the protos of a checkout of alibaba/TorchEasyRec: names, types,
// defaults and nesting of every message that a pipeline config can have.
// Usage: node scripts/make-tzrec-schema.mjs CHECKOUT COMMIT
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

const [checkout, commit] = process.argv.slice(2);
const target = fileURLToPath(new URL("../src/tzrec/tzrec-messages.generated.ts", import.meta.url));
const root = new protobuf.Root();
const bundled = root.resolvePath.bind(root);
root.resolvePath = (from, path) => (path.startsWith("tzrec/") ? join(checkout, path) : bundled(from, path));
root.loadSync("tzrec/protos/pipeline.proto", { keepCase: true }).resolveAll();

/** `tzrec.protos.MINDUserTower.UserSeqCombineMethod` -> `MINDUserTower_UserSeqCombineMethod`. */
const nameOf = (type) =>
  type.fullName.replace(/^\.(tzrec\.protos|google\.protobuf)\./, "").replaceAll(".", "_");

/** protobufjs has the fields of Google's own messages in camel case. */
const fieldName = (field) =>
  field.parent.fullName.startsWith(".google.")
    ? field.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    : field.name;

/** A field as text: `uint32`, `repeated MLP`, `map string float`, `float = 0.9`. */
function typeOf(field) {
  const type = field.resolvedType ? nameOf(field.resolvedType) : field.type;
  if (field.map) return `map ${field.keyType} ${type}`;
  if (field.repeated) return `repeated ${type}`;
  const value = field.options?.default;
  return value === undefined ? type : `${type} = ${value}`;
}

/** The fields of a message; those of a oneof under its name. */
function fieldsOf(type) {
  const plain = type.fieldsArray
    .filter((field) => !field.partOf)
    .map((field) => [fieldName(field), typeOf(field)]);
  const choices = type.oneofsArray.map((oneof) => {
    return [
      oneof.name,
      Object.fromEntries(oneof.fieldsArray.map((field) => [fieldName(field), typeOf(field)])),
    ];
  });
  return Object.fromEntries([...plain, ...choices]);
}

const found = new Map();
function visit(type) {
  if (found.has(nameOf(type))) return;
  found.set(nameOf(type), type);
  for (const field of type.fieldsArray ?? []) if (field.resolvedType) visit(field.resolvedType);
}
visit(root.lookupType("tzrec.protos.EasyRecConfig"));

const types = [...found].map(([name, type]) => [
  name,
  type instanceof protobuf.Enum ? type.values : fieldsOf(type),
]);
const isEnum = ([name]) => found.get(name) instanceof protobuf.Enum;
const print = (entries) => JSON.stringify(Object.fromEntries(entries), null, 2);
writeFileSync(
  target,
  `// Made by scripts/make-tzrec-schema.mjs from the protos of alibaba/TorchEasyRec at ${commit}.

/** Fields by name, those of a oneof under its name: \`uint32\`, \`repeated MLP\`, \`map string float\`, \`float = 0.9\`. */
export const MESSAGES: Readonly<Record<string, Readonly<Record<string, string | Readonly<Record<string, string>>>>>> =
${print(types.filter((each) => !isEnum(each)))};

/** Values and their numbers. */
export const ENUMS: Readonly<Record<string, Readonly<Record<string, number>>>> = ${print(types.filter(isEnum))};
`,
);
