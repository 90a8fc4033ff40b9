import { create, createFileRegistry, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type DescriptorProtoSchema,
  type FieldDescriptorProtoSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { ENUMS, MESSAGES } from "./tzrec-messages.generated.js";

/**
 * The schema of TorchEasyRec's pipeline configs as a protobuf descriptor, built from {@link MESSAGES}. Only names, types
 * and defaults matter to the text format, so fields are numbered in their order.
 */

const PACKAGE = "tzrec.protos";

const SCALARS: Readonly<Record<string, Type>> = {
  string: Type.STRING,
  bool: Type.BOOL,
  float: Type.FLOAT,
  double: Type.DOUBLE,
  uint32: Type.UINT32,
  uint64: Type.UINT64,
  int32: Type.INT32,
};

const MAP = /^map (\w+) (\w+)$/;

/** The descriptor of a whole pipeline config. */
export const pipelineSchema: DescMessage = describe("EasyRecConfig");

function describe(root: string): DescMessage {
  const file = {
    name: "pipeline.proto",
    package: PACKAGE,
    syntax: "proto2",
    messageType: Object.entries(MESSAGES).map(([name, fields]) => messageOf(name, fields)),
    enumType: Object.entries(ENUMS).map(([name, values]) => ({
      name,
      value: Object.entries(values).map(([value, number]) => ({ name: value, number })),
    })),
  };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  return registry.getMessage(`${PACKAGE}.${root}`)!;
}

type Message = MessageInitShape<typeof DescriptorProtoSchema>;
type Field = MessageInitShape<typeof FieldDescriptorProtoSchema>;

function messageOf(name: string, members: (typeof MESSAGES)[string]): Message {
  const isChoice = (member: string | object) => typeof member === "object";
  const choices = Object.entries(members).filter(([, member]) => isChoice(member));
  const named = Object.entries(members).flatMap(([member, type]) =>
    typeof type === "string"
      ? [{ name: member, type, choice: {} }]
      : Object.entries(type).map(([each, of]) => {
          return {
            name: each,
            type: of,
            choice: { oneofIndex: choices.findIndex(([own]) => own === member) },
          };
        }),
  );
  const fields = named.map(({ name: own, type, choice }, i) => ({
    ...fieldOf(name, own, type),
    jsonName: jsonNameOf(own),
    ...choice,
    number: i + 1,
  }));
  const nestedType = named.flatMap(({ name: own, type }) => {
    const [, key, value] = MAP.exec(type) ?? [];
    return value === undefined ? [] : [entryOf(own, key, value)];
  });
  return { name, field: fields, nestedType, oneofDecl: choices.map(([own]) => ({ name: own })) };
}

/** `numEpochs` of `num_epochs`, by protobuf's rule. */
function jsonNameOf(name: string): string {
  return name.replaceAll(/_(\w?)/g, (_, letter: string) => letter.toUpperCase());
}

/** A field of a message by its notation in {@link MESSAGES}. */
function fieldOf(message: string, name: string, notation: string): Field {
  if (MAP.test(notation)) {
    const typeName = `.${PACKAGE}.${message}.${entryName(name)}`;
    return { name, label: Label.REPEATED, type: Type.MESSAGE, typeName };
  }
  const [, repeated, typeName, defaultValue] = /^(repeated )?(\w+)(?: = (.*))?$/s.exec(notation)!;
  const label = repeated ? Label.REPEATED : Label.OPTIONAL;
  const common = { name, label, ...(defaultValue !== undefined && { defaultValue }) };
  const scalar = SCALARS[typeName];
  if (scalar !== undefined) return { ...common, type: scalar };
  const type = Object.hasOwn(ENUMS, typeName) ? Type.ENUM : Type.MESSAGE;
  return { ...common, type, typeName: `.${PACKAGE}.${typeName}` };
}

/** The message that protobuf makes of the entries of a map. */
function entryOf(field: string, key: string, value: string): Message {
  const name = entryName(field);
  const fields = [fieldOf(name, "key", key), fieldOf(name, "value", value)];
  return {
    name,
    field: fields.map((each, i) => ({ ...each, number: i + 1 })),
    options: { mapEntry: true },
  };
}

/** `VocabDictEntry` of `vocab_dict`. */
function entryName(field: string): string {
  return `${field.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())}Entry`;
}
