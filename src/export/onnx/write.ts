import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { elementCount } from "../../checkpoint/safetensors-header.js";
import type { Graph } from "../../graph/graph.js";
import { type Numbers, numbersOf } from "../../half.js";
import type { ParameterAttrs } from "../../ops/sources.js";
import { version } from "../../version.js";
import { type CompiledOnnx, compileToOnnx } from "./compile.js";
import { encodeModel, type TensorMessage } from "./messages.js";
import { ONNX_TYPE, type OnnxInput, type OnnxSource, valueMessage } from "./onnx-graph.js";

/** The values of a model's parameters. */
export interface ParameterValues {
  /** Rows that no key has are left out of a dynamic table. */
  shapeOf(name: string): readonly number[];
  /** Fills `into` with elements, beginning at index `from`; 16-bit numbers as their bits. */
  read(name: string, from: number, into: Numbers): void | Promise<void>;
}

export interface WrittenOnnx {
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly string[];
  /** The file beside the model that holds the large tensors; absent if they are inside. */
  readonly data?: string;
}

/** Protobuf ends at 2 GiB: beyond this, tensors go to a file of their own. */
const MOST_INSIDE = 1 << 30;
/** Smaller tensors stay inside. */
const LEAST_OUTSIDE = 1 << 10;
/** Tensors begin at multiples of this, so that readers can map them. */
const ALIGNMENT = 4096;
/** Elements per read. */
const PIECE = 1 << 20;

const VERSIONS = [
  { domain: "", version: 18n },
  { domain: "ai.onnx.ml", version: 2n },
];
const IR_VERSION = 8n;

/**
 * Writes a graph as an ONNX model, and `<path>.data` if the parameters are too large for one file.
 * @param options.inside bytes of parameters that may be in the model file
 */
export async function writeOnnx(
  path: string,
  graph: Graph,
  source: OnnxSource,
  values: ParameterValues,
  { inside = MOST_INSIDE }: { readonly inside?: number } = {},
): Promise<WrittenOnnx> {
  const compiled = compileToOnnx(graph, source);
  const { parameters, inputs } = compiled.graph;
  const total = parameters.reduce((sum, each) => sum + bytesOf(each, values), 0);
  const isOutside = (each: ParameterAttrs) => total > inside && bytesOf(each, values) >= LEAST_OUTSIDE;
  const outside = parameters.filter(isOutside);
  const data = outside.length > 0 ? `${path}.data` : undefined;
  const placed = data ? await writeData(data, outside, values) : [];
  const own = await Promise.all(
    parameters
      .filter((each) => !isOutside(each))
      .map(async (each) => ({ ...describe(each, values), rawData: await bytesIn(each, values) })),
  );
  await writeFile(path, encodeModel(modelOf(compiled, [...own, ...placed])));
  return { inputs, outputs: [...graph.outputs.keys()], data };
}

function modelOf({ graph, outputs }: CompiledOnnx, parameters: readonly TensorMessage[]) {
  const { nodes: node, constants, inputs } = graph;
  return {
    irVersion: IR_VERSION,
    producerName: "pairloom",
    producerVersion: version,
    opsetImport: VERSIONS,
    graph: {
      name: "pairloom",
      node,
      initializer: [...parameters, ...constants],
      input: inputs.map(valueMessage),
      output: outputs,
    },
  };
}

/** Writes tensors one after the other, and returns where they are. */
async function writeData(
  path: string,
  parameters: readonly ParameterAttrs[],
  values: ParameterValues,
): Promise<TensorMessage[]> {
  let end = 0;
  const placed = parameters.map((each) => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = offset + bytesOf(each, values);
    return { each, offset, length: end - offset };
  });
  async function* pieces() {
    let at = 0;
    for (const { each, offset, length } of placed) {
      yield new Uint8Array(offset - at);
      yield* piecesOf(each, values);
      at = offset + length;
    }
  }
  await pipeline(pieces, createWriteStream(path));
  return placed.map(({ each, offset, length }) => ({
    ...describe(each, values),
    dataLocation: 1,
    externalData: Object.entries({ location: basename(path), offset, length }).map(([key, value]) => ({
      key,
      value: String(value),
    })),
  }));
}

async function bytesIn(attrs: ParameterAttrs, values: ParameterValues): Promise<Uint8Array> {
  const all = new Uint8Array(bytesOf(attrs, values));
  let at = 0;
  for await (const piece of piecesOf(attrs, values)) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The bytes of a parameter in order, each piece in memory of its own. */
async function* piecesOf({ name, dtype = "fp32" }: ParameterAttrs, values: ParameterValues) {
  const elements = elementCount(values.shapeOf(name));
  for (let from = 0; from < elements; from += PIECE) {
    const piece = numbersOf(dtype, Math.min(PIECE, elements - from));
    await values.read(name, from, piece);
    yield new Uint8Array(piece.buffer, 0, piece.byteLength);
  }
}

function describe({ name, dtype = "fp32", shape }: ParameterAttrs, values: ParameterValues): TensorMessage {
  const [rows] = values.shapeOf(name);
  const dims = [rows, ...shape.slice(1)].map(BigInt);
  return { name, dataType: { ...ONNX_TYPE, fp32: ONNX_TYPE.float }[dtype], dims };
}

function bytesOf({ name, dtype = "fp32" }: ParameterAttrs, values: ParameterValues): number {
  return elementCount(values.shapeOf(name)) * numbersOf(dtype, 0).BYTES_PER_ELEMENT;
}
