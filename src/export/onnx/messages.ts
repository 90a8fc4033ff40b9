import { create, createFileRegistry, type DescMessage, toBinary } from "@bufbuild/protobuf";
import {
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";

/**
 * The messages of ONNX that a model needs, with the names and numbers of onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Enumerations are integers, as on the wire.
 */
const MESSAGES: Readonly<Record<string, Readonly<Record<string, readonly [number: number, type: string]>>>> =
  {
    ModelProto: {
      ir_version: [1, "int64"],
      producer_name: [2, "string"],
      producer_version: [3, "string"],
      graph: [7, "GraphProto"],
      opset_import: [8, "repeated OperatorSetIdProto"],
    },
    OperatorSetIdProto: { domain: [1, "string"], version: [2, "int64"] },
    GraphProto: {
      node: [1, "repeated NodeProto"],
      name: [2, "string"],
      initializer: [5, "repeated TensorProto"],
      input: [11, "repeated ValueInfoProto"],
      output: [12, "repeated ValueInfoProto"],
    },
    NodeProto: {
      input: [1, "repeated string"],
      output: [2, "repeated string"],
      name: [3, "string"],
      op_type: [4, "string"],
      attribute: [5, "repeated AttributeProto"],
      domain: [7, "string"],
    },
    AttributeProto: {
      name: [1, "string"],
      f: [2, "float"],
      i: [3, "int64"],
      s: [4, "bytes"],
      ints: [8, "repeated int64"],
      strings: [9, "repeated bytes"],
      type: [20, "int32"],
    },
    TensorProto: {
      dims: [1, "repeated int64"],
      data_type: [2, "int32"],
      name: [8, "string"],
      raw_data: [9, "bytes"],
      external_data: [13, "repeated StringStringEntryProto"],
      data_location: [14, "int32"],
    },
    StringStringEntryProto: { key: [1, "string"], value: [2, "string"] },
    ValueInfoProto: { name: [1, "string"], type: [2, "TypeProto"] },
    TypeProto: { tensor_type: [1, "TensorTypeProto"] },
    TensorTypeProto: { elem_type: [1, "int32"], shape: [2, "TensorShapeProto"] },
    TensorShapeProto: { dim: [1, "repeated DimensionProto"] },
    DimensionProto: { dim_value: [1, "int64"], dim_param: [2, "string"] },
  };

const SCALARS: Readonly<Record<string, Type>> = {
  string: Type.STRING,
  bytes: Type.BYTES,
  float: Type.FLOAT,
  int32: Type.INT32,
  int64: Type.INT64,
};

const MODEL: DescMessage = describe("ModelProto");

/** Fields in camel case; integers of 64 bits are bigints. */
export function encodeModel(model: ModelMessage): Uint8Array {
  return toBinary(MODEL, create(MODEL, model as unknown as Record<string, unknown>));
}

export interface ModelMessage {
  readonly irVersion: bigint;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly graph: GraphMessage;
  readonly opsetImport: readonly { readonly domain: string; readonly version: bigint }[];
}

export interface GraphMessage {
  readonly name: string;
  readonly node: readonly NodeMessage[];
  readonly initializer: readonly TensorMessage[];
  readonly input: readonly ValueMessage[];
  readonly output: readonly ValueMessage[];
}

export interface NodeMessage {
  readonly opType: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly object[];
}

export interface TensorMessage {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly bigint[];
  readonly rawData?: Uint8Array;
  readonly dataLocation?: number;
  readonly externalData?: readonly { readonly key: string; readonly value: string }[];
}

export interface ValueMessage {
  readonly name: string;
  readonly type: object;
}

function describe(root: string): DescMessage {
  const file = {
    name: "onnx.proto",
    package: "onnx",
    syntax: "proto2",
    messageType: Object.entries(MESSAGES).map(([name, fields]) => ({
      name,
      field: Object.entries(fields).map(([field, [number, type]]) => fieldOf(field, number, type)),
    })),
  };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  return registry.getMessage(`onnx.${root}`)!;
}

function fieldOf(name: string, number: number, notation: string) {
  const [, repeated, type] = /^(repeated )?(\w+)$/.exec(notation)!;
  const common = { name, number, label: repeated ? Label.REPEATED : Label.OPTIONAL };
  const scalar = SCALARS[type];
  return scalar ? { ...common, type: scalar } : { ...common, type: Type.MESSAGE, typeName: `.onnx.${type}` };
}
