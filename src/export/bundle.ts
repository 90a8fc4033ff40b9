import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { TensorArray } from "../checkpoint/dtypes.js";
import { type TableContent, type TensorSource, type Tensors, writeCheckpoint } from "../checkpoint/index.js";
import type { ReadElements } from "../checkpoint/safetensors-writer.js";
import { deletedName, keysName } from "../checkpoint/table-layout.js";
import { ConfigError } from "../errors.js";
import { width } from "../graph/tensor.js";
import { narrow } from "../half.js";
import { type QuantizedAttrs, wordsOf } from "../ops/quantized-embedding.js";
import { type StoredAs, storedTables, type TableStorage } from "../passes/store-tables.js";
import { selectBackend } from "../saved/backend.js";
import { findCheckpoint } from "../saved/find-checkpoint.js";
import { openModel, type TrainedModel } from "../saved/model.js";
import { INFERENCE_BATCH, predictLogits } from "../train/evaluate.js";
import { memberOf } from "../train/members.js";
import { tensorOf } from "../train/parameter-memory.js";
import { LOGITS, parametersOf } from "../train/step/model-graphs.js";
import { quantizeRows } from "./quantize.js";
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
      [...stored].map(([name, as]) => [name, sourceOf(name, as, tensors)]),
    );
    const trained = await allTrainedRows(model, tensors, stored);
    for (const [name, { parameter, rows }] of trained)
      changed.set(name, storedSource(tensorOf(parameter, rows), stored.get(name)));
    const tables = await tablesOf(model, tensors, trained);
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

/** Of tables with rows that training has not changed, those that it has. Initial values are not drawn as integers. */
async function allTrainedRows(
  { checkpoint, graph }: TrainedModel,
  tensors: Tensors,
  stored: ReadonlyMap<string, StoredAs>,
): Promise<Map<string, TrainedRows>> {
  const { seed, members } = checkpoint.manifest;
  const { backend } = selectBackend();
  const found = new Map<string, TrainedRows>();
  for (const attrs of parametersOf(graph)) {
    if ("bits" in (stored.get(attrs.name) ?? {})) continue;
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
): Promise<TableContent[]> {
  const names = parametersOf(graph).flatMap(({ role, name }) => (role === "table" ? [name] : []));
  const known = new Map(checkpoint.manifest.tables.map((table) => [table.name, table]));
  return Promise.all(
    names.map(async (name) => {
      const capacity = known.get(name)?.capacity;
      const sparse = trained.get(name);
      if (sparse) return { name, states: [], ...sparseContent(name, sparse) };
      if (capacity === undefined) return { name, states: [] };
      return { name, states: [], capacity, keys: (await tensors.read(keysName(name))) as BigUint64Array };
    }),
  );
}

function sparseContent(name: string, { parameter, rows, initial }: TrainedRows): Partial<TableContent> {
  const keys = BigUint64Array.from(rows, BigInt);
  return { rows: parameter.attrs.shape[0], keys, initial: new Map([[name, initial]]) };
}

function sourceOf(name: string, as: StoredAs, tensors: Tensors): TensorSource {
  if ("bits" in as) return quantizedSource(name, tensors.tensors.get(name)!.shape, as, tensors);
  return storedSource(copyOf(name, tensors), as);
}

/** Numbers as they are, or rounded to 16 bits. */
function storedSource(source: TensorSource, as: StoredAs | undefined): TensorSource {
  if (as === undefined || "bits" in as) return source;
  const { dtype } = as;
  const data = async (from: number, into: TensorArray): Promise<void> => {
    const numbers = new Float32Array(into.length);
    await (source.data as ReadElements)(from, numbers);
    narrow(numbers, into as Uint16Array, dtype);
  };
  return { dtype: dtype === "fp16" ? "F16" : "BF16", shape: source.shape, data };
}

/** A piece may begin and end within a row, so that whole rows around it are read. */
function quantizedSource(
  name: string,
  [rows]: readonly number[],
  as: QuantizedAttrs,
  tensors: Tensors,
): TensorSource {
  const words = wordsOf(as);
  const data = async (from: number, into: TensorArray): Promise<void> => {
    const [first, end] = [Math.floor(from / words), Math.ceil((from + into.length) / words)];
    const numbers = new Float32Array((end - first) * as.dim);
    await tensors.readInto(name, numbers, first * as.dim);
    const start = from - first * words;
    bitsOf(into).set(bitsOf(quantizeRows(numbers, as)).subarray(start, start + into.length));
  };
  return { dtype: "F32", shape: [rows, words], data };
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
