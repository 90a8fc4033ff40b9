import type { Node } from "../../graph/op.js";
import type { Tensor } from "../../graph/tensor.js";
import type { ParameterAttrs } from "../../ops/sources.js";
import type { NodeMessage, TensorMessage, ValueMessage } from "./messages.js";

/** Element types, with their numbers in ONNX. */
export const ONNX_TYPE = { float: 1, int64: 7, string: 8, fp16: 10, bf16: 16 } as const;

/** The attributes of an operator: integers and texts, lists of them, or a number. */
export type OnnxAttrs = Readonly<
  Record<string, number | bigint | string | readonly number[] | readonly bigint[] | readonly string[] | Float>
>;
export interface Float {
  readonly float: number;
}

/** How ONNX finds the row of an id. */
export type OnnxLookup =
  | { readonly kind: "quotient" | "remainder"; readonly by: number }
  /** Id i has row `rows[i]`. */
  | { readonly kind: "rows"; readonly rows: BigInt64Array }
  /** Key `keys[i]` has row `rows[i]`; all others have row 0. */
  | { readonly kind: "keys"; readonly keys: BigInt64Array; readonly rows: BigInt64Array };

/** The texts that an input takes instead of ids. */
export interface InputTexts {
  /** The text of each id from 0 on. */
  readonly texts: readonly string[];
  /** The ids of further texts. */
  readonly synonyms: ReadonlyMap<string, number>;
  /** The id of other texts. */
  readonly unknown: number;
  /** The id of the empty text. */
  readonly missing: number;
}

/** What the graph alone does not say. */
export interface OnnxSource {
  /** Inputs whose bags have weights. */
  readonly weighted: ReadonlySet<string>;
  /** By input. */
  readonly texts: ReadonlyMap<string, InputTexts>;
  /** By translation. */
  readonly lookups: ReadonlyMap<string, OnnxLookup>;
}

export interface OnnxInput {
  readonly name: string;
  readonly type: "float" | "int64" | "string";
  /** Names stand for sizes that the caller chooses. */
  readonly dims: readonly (number | string)[];
}

/** Where the ids of each row stand among the values of a bag. */
export interface Bag {
  /** rows + 1 positions. */
  readonly offsets: string;
  readonly weights?: string;
}

/** Adds the operators for an equation and returns the names of its outputs. */
export type Rule = (g: OnnxGraph, inputs: readonly string[], node: Node) => string | readonly string[];

/** Collects the nodes of an ONNX graph. Values are named by texts. */
export class OnnxGraph {
  readonly nodes: NodeMessage[] = [];
  readonly constants: TensorMessage[] = [];
  readonly parameters: ParameterAttrs[] = [];
  readonly inputs: OnnxInput[] = [];
  private readonly names = new Map<Tensor, string>();
  private readonly bags = new Map<Tensor, Bag>();
  private readonly shared = new Map<string, string>();
  private count = 0;

  constructor(readonly source: OnnxSource) {}

  nameOf(tensor: Tensor): string {
    return this.names.get(tensor)!;
  }

  name(tensor: Tensor, name: string, bag?: Bag): void {
    this.names.set(tensor, name);
    if (bag) this.bags.set(tensor, bag);
  }

  bagOf(tensor: Tensor): Bag | undefined {
    return this.bags.get(tensor);
  }

  input(name: string, type: OnnxInput["type"], dims: OnnxInput["dims"]): string {
    this.inputs.push({ name, type, dims });
    return name;
  }

  parameter(attrs: ParameterAttrs): string {
    this.parameters.push(attrs);
    return attrs.name;
  }

  /** Adds an operator with one output, and returns the name of that. */
  op(opType: string, input: readonly string[], attrs: OnnxAttrs = {}, domain = ""): string {
    const output = this.fresh();
    this.nodes.push({ opType, domain, input, output: [output], attribute: attributesOf(attrs) });
    return output;
  }

  cast(x: string, type: keyof typeof ONNX_TYPE): string {
    return this.op("Cast", [x], { to: ONNX_TYPE[type] });
  }

  /** Makes a value an output of the graph. */
  output(name: string, tensor: Tensor): ValueMessage {
    const input = [this.nameOf(tensor)];
    this.nodes.push({ opType: "Identity", domain: "", input, output: [name], attribute: [] });
    const dims = tensor.shape.map((size) => (size === "B" ? "rows" : size));
    return valueMessage({ name, type: "float", dims });
  }

  /** A constant list of integers. */
  ints(values: readonly number[] | BigInt64Array): string {
    const data = BigInt64Array.from(values as readonly number[], BigInt);
    return this.once(`ints ${data.length > 64 ? this.count : data.join()}`, () =>
      this.constant(ONNX_TYPE.int64, [data.length], data),
    );
  }

  /** A constant tensor of numbers. */
  floats(values: Float32Array, dims: readonly number[]): string {
    return this.constant(ONNX_TYPE.float, dims, values);
  }

  float(value: number): string {
    return this.once(`float ${value}`, () => this.floats(Float32Array.of(value), []));
  }

  /** The value that was made under this key, or what `make` makes. */
  once(key: string, make: () => string): string {
    const made = this.shared.get(key) ?? make();
    this.shared.set(key, made);
    return made;
  }

  private constant(dataType: number, dims: readonly number[], data: Float32Array | BigInt64Array): string {
    const name = this.fresh();
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.constants.push({ name, dataType, dims: dims.map(BigInt), rawData });
    return name;
  }

  /** Parameters have dots in their names, and inputs the names of features: neither begins with this. */
  private fresh(): string {
    return `#${this.count++}`;
  }
}

export function valueMessage({ name, type, dims }: OnnxInput): ValueMessage {
  const dim = dims.map((size) =>
    typeof size === "number" ? { dimValue: BigInt(size) } : { dimParam: size },
  );
  return { name, type: { tensorType: { elemType: ONNX_TYPE[type], shape: { dim } } } };
}

/** With the numbers of AttributeProto.AttributeType. */
function attributesOf(attrs: OnnxAttrs): object[] {
  return Object.entries(attrs).map(([name, value]) => {
    if (typeof value === "number" || typeof value === "bigint") return { name, type: 2, i: BigInt(value) };
    if (typeof value === "string") return { name, type: 3, s: Buffer.from(value) };
    if ("float" in value) return { name, type: 1, f: value.float };
    return typeof value[0] === "string"
      ? { name, type: 8, strings: value.map((text) => Buffer.from(text as string)) }
      : { name, type: 7, ints: value.map((number) => BigInt(number)) };
  });
}
