import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { HALF_DTYPES, isHalf, type TensorArray } from "../checkpoint/dtypes.js";
import { type TableContent, type TensorSource, type Tensors, writeCheckpoint } from "../checkpoint/index.js";
import type { ReadElements } from "../checkpoint/safetensors-writer.js";
import { deletedName, keysName } from "../checkpoint/table-layout.js";
import { ConfigError } from "../errors.js";
import { width } from "../graph/tensor.js";
import { narrow, widen } from "../half.js";
import { type StoredAs, storedTables, type TableStorage } from "../passes/store-tables.js";
import { type QuantizedAttrs, quantizeRows, wordsOf } from "../quantized-rows.js";
import { selectBackend } from "../saved/backend.js";
import { findCheckpoint } from "../saved/find-checkpoint.js";
import { openModel, type TrainedModel } from "../saved/model.js";
import { INFERENCE_BATCH, predictLogits } from "../train/evaluate.js";
import { memberOf } from "../train/members.js";
import { tensorOf } from "../train/parameter-memory.js";
import { LOGITS, parametersOf } from "../train/step/model-graphs.js";
import type { ScoredRows } from "./scored-rows.js";
import { copyOf } from "./tensor-copy.js";
import { type TrainedRows, trainedRows } from "./trained-rows.js";

/**
 * Writes a directory that has what scoring needs, which `load` and all commands open like a run: weights and tables, whose
 * rows are stored in fewer bytes if `storage` says so, and no optimizer state.
 * @throws ConfigError if the directory exists
 */
export async function exportBundle(
  model: TrainedModel,
  path: string,
  { storage }: { readonly storage?: TableStorage } = {},
): Promise<string[]> {
  if (existsSync(path)) throw alreadyThere(path);
  const { checkpoint, graph } = model;
  const tensors = await checkpoint.openModel();
  try {
    const stored = storage ? storedTables(graph, storage) : new Map<string, StoredAs>();
    const changed = new Map<string, TensorSource>(
      [...stored].map(([name, as]) => [name, storedSource(copyOf(name, tensors), as)]),
    );
    const trained = await allTrainedRows(model, tensors);
    for (const [name, { parameter, rows }] of trained)
      changed.set(name, storedSource(tensorOf(parameter, rows), stored.get(name)));
    const tables = await tablesOf(model, tensors, trained, stored);
    const beside = new Set(tables.flatMap(({ name }) => [keysName(name), deletedName(name)]));
    const names = [...tensors.tensors.keys()].filter((name) => !beside.has(name));
    const sources = new Map(names.map((name) => [name, changed.get(name) ?? copyOf(name, tensors)]));
    const { files, tables: _, base, sha256, ...content } = checkpoint.manifest;
    const all = { ...content, storage, model: sources, optimizer: new Map(), tables };
    const { dir, manifest } = await writeCheckpoint(path, all);
    return Object.keys(manifest.files).map((name) => join(dir, name));
  } finally {
    await tensors.close();
  }
}

/** The model of a bundle. */
export async function openBundle(path: string): Promise<TrainedModel> {
  const { backend } = selectBackend();
  return openModel(await findCheckpoint(path), {
    backend,
    maxBatch: INFERENCE_BATCH,
    threads: availableParallelism(),
  });
}

export async function scoreBundle(_: TrainedModel, path: string, rows: ScoredRows): Promise<Float32Array> {
  const { executable, graph } = await openBundle(path);
  return predictLogits(executable, rows.columns, width(graph.outputs.get(LOGITS)!));
}

/** Of tables with rows that training has not changed, those that it has. */
async function allTrainedRows(
  { checkpoint, graph }: TrainedModel,
  tensors: Tensors,
): Promise<Map<string, TrainedRows>> {
  const { seed, members } = checkpoint.manifest;
  const { backend } = selectBackend();
  const found = new Map<string, TrainedRows>();
  for (const attrs of parametersOf(graph)) {
    const member = memberOf(attrs.name);
    const own = member === undefined ? seed : members![member].seed;
    const trained = await trainedRows(attrs, tensors, backend, own);
    if (trained) found.set(attrs.name, trained);
  }
  return found;
}

/** The tables of the model; dynamic ones with their keys, in the order of their rows. */
async function tablesOf(
  { checkpoint, graph }: TrainedModel,
  tensors: Tensors,
  trained: ReadonlyMap<string, TrainedRows>,
  stored: ReadonlyMap<string, StoredAs>,
): Promise<TableContent[]> {
  const names = parametersOf(graph).flatMap(({ role, name }) => (role === "table" ? [name] : []));
  const known = new Map(checkpoint.manifest.tables.map((table) => [table.name, table]));
  return Promise.all(
    names.map(async (name) => {
      const capacity = known.get(name)?.capacity;
      const sparse = trained.get(name);
      if (sparse) return { name, states: [], ...sparseContent(sparse, stored.get(name)) };
      if (capacity === undefined) return { name, states: [] };
      return { name, states: [], capacity, keys: (await tensors.read(keysName(name))) as BigUint64Array };
    }),
  );
}

function sparseContent(
  { parameter: { attrs }, rows, initial }: TrainedRows,
  as: StoredAs | undefined,
): Partial<TableContent> {
  const keys = BigUint64Array.from(rows, BigInt);
  const quantized = as && "bits" in as ? as : undefined;
  return { rows: attrs.shape[0], keys, initial: new Map([[attrs.name, { ...initial, quantized }]]) };
}

/** Numbers as they are, rounded to 16 bits, or quantized. */
function storedSource(source: TensorSource, as: StoredAs | undefined): TensorSource {
  if (as === undefined) return source;
  if ("bits" in as) return quantizedSource(source, as);
  const { dtype } = as;
  const data = async (from: number, into: TensorArray): Promise<void> => {
    narrow(await numbersIn(source, from, into.length), into as Uint16Array, dtype);
  };
  return { dtype: dtype === "fp16" ? "F16" : "BF16", shape: source.shape, data };
}

/** A piece may begin and end within a row, so that whole rows around it are read. */
function quantizedSource(source: TensorSource, as: QuantizedAttrs): TensorSource {
  const words = wordsOf(as);
  const data = async (from: number, into: TensorArray): Promise<void> => {
    const [first, end] = [Math.floor(from / words), Math.ceil((from + into.length) / words)];
    const numbers = await numbersIn(source, first * as.dim, (end - first) * as.dim);
    const start = from - first * words;
    bitsOf(into).set(bitsOf(quantizeRows(numbers, as)).subarray(start, start + into.length));
  };
  return { dtype: "F32", shape: [source.shape[0], words], data };
}

/** Some numbers of a tensor of any number format. */
async function numbersIn({ dtype, data }: TensorSource, from: number, count: number): Promise<Float32Array> {
  const numbers = new Float32Array(count);
  if (!isHalf(dtype)) {
    await (data as ReadElements)(from, numbers);
    return numbers;
  }
  const halves = new Uint16Array(count);
  await (data as ReadElements)(from, halves);
  widen(halves, numbers, HALF_DTYPES[dtype]);
  return numbers;
}

/** Copied as integers: some words would be other ones after a copy as numbers. */
const bitsOf = ({ buffer, byteOffset, length }: TensorArray) =>
  new Uint32Array(buffer as ArrayBuffer, byteOffset, length);

function alreadyThere(path: string): ConfigError {
  return new ConfigError({
    what: "the output is there already",
    where: "--output",
    got: path,
    expected: "a directory that does not exist",
    next: "Remove it, or choose another place with --output.",
  });
}
