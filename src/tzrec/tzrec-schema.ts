import { create, createFileRegistry, type DescMessage } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { MESSAGES } from "./tzrec-messages.js";

/**
 * The schema of TorchEasyRec's pipeline configs as a protobuf descriptor, built from {@link MESSAGES}. Only names and
 * types matter to the text format, so fields are numbered in their order.
 */

const PACKAGE = "tzrec.protos";

const SCALARS: Readonly<Record<string, Type>> = {
  string: Type.STRING,
  bool: Type.BOOL,
  float: Type.FLOAT,
  uint32: Type.UINT32,
  uint64: Type.UINT64,
  int32: Type.INT32,
};

/** The descriptor of a whole pipeline config. */
export const pipelineSchema: DescMessage = describe("EasyRecConfig");

function describe(root: string): DescMessage {
  const entries = Object.entries(MESSAGES);
  const messages = entries.filter(([, fields]) => typeof fields === "object") as [string, Fields][];
  const enums = entries.filter(([, values]) => typeof values === "string") as [string, string][];
  const file = {
    name: "pipeline.proto",
    package: PACKAGE,
    syntax: "proto2",
    messageType: messages.map(([name, fields]) => messageOf(name, fields)),
    enumType: enums.map(([name, values]) => ({
      name,
      // Values of an enum share the scope of the file, so that two enums must not have one of the same name.
      value: values.split(" ").map((value, number) => ({ name: value, number })),
    })),
  };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  return registry.getMessage(`${PACKAGE}.${root}`)!;
}

type Fields = Readonly<Record<string, string>>;
type Init<T> = Partial<Omit<T, "$typeName" | "$unknown">>;

function messageOf(name: string, fields: Fields): Init<DescriptorProto> {
  const nested: Init<DescriptorProto>[] = [];
  const field = Object.entries(fields).map(([fieldName, type], i) => {
    const map = /^map (\w+)$/.exec(type);
    if (!map) return fieldOf(fieldName, i + 1, type);
    const entry = entryName(fieldName);
    nested.push({
      ...messageOf(entry, { key: "string", value: map[1] }),
      options: { mapEntry: true } as never,
    });
    return {
      ...fieldOf(fieldName, i + 1, "repeated string"),
      type: Type.MESSAGE,
      typeName: `.${PACKAGE}.${name}.${entry}`,
    };
  });
  return { name, field: field as FieldDescriptorProto[], nestedType: nested as DescriptorProto[] };
}

function fieldOf(name: string, number: number, type: string): Init<FieldDescriptorProto> {
  const repeated = type.startsWith("repeated ");
  const typeName = repeated ? type.slice("repeated ".length) : type;
  const label = repeated ? Label.REPEATED : Label.OPTIONAL;
  const scalar = SCALARS[typeName];
  if (scalar !== undefined) return { name, number, label, type: scalar };
  const kind = typeof MESSAGES[typeName] === "string" ? Type.ENUM : Type.MESSAGE;
  return { name, number, label, type: kind, typeName: `.${PACKAGE}.${typeName}` };
}

/** The name that protobuf gives to the entries of a map field: `VocabDictEntry` of `vocab_dict`. */
function entryName(field: string): string {
  return `${field.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())}Entry`;
}
