import { SafetensorsFile, type TensorSource, updatePointers, writeCheckpoint } from "../checkpoint/index.js";
import type { Config } from "../config/config.js";
import { readFiles, readVocabulary } from "../data/learn/learn.js";
import { CheckpointError, messageOf } from "../errors.js";
import { fitFeatures } from "../features/fit.js";
import type { FittedFeatures } from "../features/fitted.js";
import { plainOf, tableName } from "../features/schema/features.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { checkRunDirectory } from "../saved/resume.js";
import { CONFIG_COPY, writeJson } from "../saved/run-directory.js";
import { firstNonFinite } from "../train/diverged.js";
import { fittedFeatureInfos } from "../train/feature-info.js";
import { fileDtype, toDtype } from "../train/parameter-memory.js";
import { inferenceGraph, type ModelSpec, parametersOf } from "../train/step/model-graphs.js";
import { specOf } from "../train/step/model-spec.js";
import { initialCarried } from "../train/training-state.js";
import { columnOrder } from "./column-order.js";
import { SEQUENCE_TABLES } from "./group-sequences.js";
import type { ImportedConfig } from "./import-config.js";
import { ImportError } from "./import-error.js";
import type { ImportedFeature } from "./map-features.js";
import { BATCHES_COUNTED, KNOWN_SIZES, originOf, type WeightOrigin, WITHOUT_EFFECT } from "./weight-names.js";

/** The result for each parameter. */
export interface ImportedWeights {
  /** Pairloom's names, and the names in the state dict that their values come from. */
  readonly matched: readonly { readonly name: string; readonly from: string }[];
  /** Biases that Pairloom has and TorchEasyRec has not; they are then zero. */
  readonly missing: readonly string[];
  /** Names in the state dict that were not used. */
  readonly unused: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Makes a run with one checkpoint (step 0) from a TorchEasyRec state dict: a safetensors file whose names end with the
 * names of its modules (`….embedding_bags.cat_0_emb.weight`, `….final_mlp.mlp.0.perceptron.0.weight`).
 * @param file the state dict
 * @param runDir a new run directory
 * @throws ImportError if a weight is missing, has a different shape or is not finite, or the file is damaged
 */
export async function importWeights(
  imported: Pick<ImportedConfig, "config" | "features" | "suffixOf" | "groupOf">,
  file: string,
  runDir: string,
): Promise<ImportedWeights> {
  const { config, features } = imported;
  await checkRunDirectory(runDir, config, "new");
  const fitted = fit(config);
  const spec = specOf(config, fittedFeatureInfos(fitted));
  refuseWideClasses(spec, file);
  refuseDynamic(features, file);
  const parameters = parametersOf(inferenceGraph(spec));
  const dict = await openDict(file);
  try {
    const reader = new StateDict(dict, file, imported);
    const model = new Map<string, TensorSource>();
    const names = new Set(parameters.map(({ name }) => name));
    for (const attrs of parameters) {
      const data = attrs.role === "table" ? await reader.table(attrs) : await reader.weight(attrs, names);
      const { name, shape, dtype = "fp32" } = attrs;
      const numbers = toDtype(data, dtype);
      if (firstNonFinite(numbers, dtype) >= 0) throw notFinite(attrs, data, reader.placeOf(name));
      model.set(name, { dtype: fileDtype(attrs), shape, data: numbers });
    }
    await save(config, fitted, model, runDir);
    return { ...reader.result(), warnings: hashWarnings(features) };
  } finally {
    await dict.close();
  }
}

async function openDict(file: string): Promise<SafetensorsFile> {
  try {
    return await SafetensorsFile.open(file);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const report = {
      what: "the state dict cannot be read",
      where: file,
      got: messageOf(error),
      expected: "a safetensors file of float32, float16 or bfloat16 numbers",
      next: "Save the state dict with save_file of safetensors.torch, as docs/import-torcheasyrec.md shows.",
    };
    throw new ImportError(report, { cause: error });
  }
}

/** @param data the numbers as the state dict has them */
function notFinite({ name, dtype = "fp32" }: ParameterAttrs, data: Float32Array, where: string): ImportError {
  const odd = data.find((value) => !Number.isFinite(value));
  return new ImportError({
    what: `${name} has a number that is not finite`,
    where,
    got: odd === undefined ? `a number that is too large for ${dtype}` : String(odd),
    expected: "finite numbers",
    next: odd === undefined ? "Remove data_type of the feature." : "Save the state dict of a sound model.",
  });
}

function refuseDynamic(features: readonly ImportedFeature[], file: string): void {
  const found = features.find(({ table }) => table?.isDynamic);
  if (!found) return;
  throw new ImportError({
    what: "the weights of dynamic tables cannot be imported",
    where: file,
    got: `${found.config.name}, whose rows belong to ids that the file does not name`,
    expected: "tables of a fixed size",
    next: "Import the config without --weights, and train it.",
  });
}

/** TorchEasyRec adds one wide number to the logits of all classes, Pairloom has one per class. */
function refuseWideClasses({ model, head, outputs = 1 }: ModelSpec, file: string): void {
  const classes = head?.outputs ?? outputs;
  if (classes === 1 || !("wide" in model) || model.kind === "xdeepfm") return;
  throw new ImportError({
    what: "the weights of this model with several classes cannot be imported",
    where: file,
    got: `${model.kind} with ${classes} classes, which has one wide number for all classes in TorchEasyRec`,
    expected: "one class, or a model without a wide group",
    next: "Import the config without --weights, and train it.",
  });
}

/** An imported config learns nothing from data. */
function fit(config: Config): FittedFeatures {
  const vocabularies: Record<string, readonly string[]> = {};
  config.features.map(plainOf).forEach((feature, i) => {
    if (feature.kind === "number" || !feature.vocabulary || "minCount" in feature.vocabulary) return;
    const { vocabulary } = feature;
    vocabularies[tableName(feature)] =
      "file" in vocabulary ? readVocabulary(vocabulary.file, `features[${i}].vocabulary`) : vocabulary;
  });
  return fitFeatures(config.features, { vocabularies, numbers: {}, ...readFiles(config.features) });
}

async function save(
  config: Config,
  features: FittedFeatures,
  model: Map<string, TensorSource>,
  runDir: string,
): Promise<void> {
  await writeJson(runDir, CONFIG_COPY, config);
  await writeCheckpoint(runDir, {
    step: 0,
    epoch: 0,
    epochStep: 0,
    seed: config.train.seed,
    reader: { split: "train", row: 0 },
    trainer: initialCarried,
    config,
    features,
    metrics: {},
    model,
    optimizer: new Map(),
  });
  await updatePointers(runDir, config.train.metric);
}

function hashWarnings(features: readonly ImportedFeature[]): string[] {
  const hashed = features.filter(({ table }) => table && !table.sameRows).map(({ config }) => config.name);
  if (hashed.length === 0) return [];
  return [
    `${hashed.join(", ")}: TorchEasyRec uses another hash function, so values get the rows of other values. Continue training, or import with encoded ids (fg_mode: FG_NONE)`,
  ];
}

/** The types of numbers that are read, by their names in safetensors. */
const FLOATS: readonly string[] = ["F32", "F16", "BF16"];

/** A state dict whose tensors are found by the end of their names. */
class StateDict {
  private readonly matched: { name: string; from: string }[] = [];
  private readonly missing: string[] = [];

  constructor(
    private readonly dict: SafetensorsFile,
    private readonly file: string,
    private readonly imported: Pick<ImportedConfig, "config" | "features" | "suffixOf" | "groupOf">,
  ) {}

  result(): Omit<ImportedWeights, "warnings"> {
    const used = new Set(this.matched.map(({ from }) => from));
    return {
      matched: this.matched,
      missing: this.missing,
      unused: [...this.dict.tensors.keys()].filter(
        (name) =>
          !used.has(name) &&
          ![WITHOUT_EFFECT, KNOWN_SIZES, BATCHES_COUNTED].some((known) => known.test(name)),
      ),
    };
  }

  /** The tensor that a parameter was read from, for messages. */
  placeOf(name: string): string {
    const found = this.matched.find((each) => each.name === name);
    return found ? `${this.file}: ${found.from}` : this.file;
  }

  /** A table, with its rows in Pairloom's order. */
  async table({ name, shape }: ParameterAttrs): Promise<Float32Array> {
    const [, tables, embedding] = /^(\w+)\.(.+)\.weight$/.exec(name)!;
    const { table } = this.imported.features.find(
      (feature) => feature.table && tableName(feature.config as { name: string }) === embedding,
    )!;
    const suffix = this.imported.suffixOf(tables);
    const collections = tables.startsWith(SEQUENCE_TABLES)
      ? ["embeddings"]
      : ["embedding_bags", "embeddings"];
    const tails = collections.map((each) => `${each}.${table!.name}${suffix}.weight`);
    const from = this.find(tails) ?? this.notFound(name, tails);
    const [rows, dim] = shape;
    const order = table!.order ?? Array.from({ length: table!.rows }, (_, row) => row);
    const values = await this.read(name, from, [table!.rows, dim]);
    const data = new Float32Array(rows * dim);
    for (const [i, row] of order.entries()) data.set(values.subarray(row * dim, (row + 1) * dim), i * dim);
    return data;
  }

  async weight({ name, shape }: ParameterAttrs, all: ReadonlySet<string>): Promise<Float32Array> {
    // TorchEasyRec adds the numbers of a wide group themselves to the logit.
    if (name === "linear.weight")
      return new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(1);
    const { config, groupOf } = this.imported;
    const origin = originOf(name, config.model.kind, all, groupOf);
    const from = origin && this.find([origin.tail]);
    if (!origin || from === undefined) {
      // A bias that TorchEasyRec does not have is zero; anything else that is missing means a different model.
      if (origin ? !origin.optional : !name.endsWith(".bias"))
        this.notFound(name, origin ? [origin.tail] : []);
      this.missing.push(name);
      return new Float32Array(shape.reduce((product, dim) => product * dim, 1));
    }
    const values = await this.read(name, from, origin.transposed ? [...shape].reverse() : shape);
    if (origin.projected) return this.projected(name, shape, values, origin.projected);
    return this.reorder(name, shape, origin.transposed ? transpose(values, shape) : values);
  }

  /** A part P of the projection of an attention follows that of its operand: `P W` for a weight, `P b + p` for a bias. */
  private async projected(
    name: string,
    shape: readonly number[],
    values: Float32Array,
    { module, part }: NonNullable<WeightOrigin["projected"]>,
  ): Promise<Float32Array> {
    const [dim, columns = 1] = shape;
    const partOf = async (tail: string, size: number): Promise<Float32Array> => {
      const from = this.find([`${module}.${tail}`]) ?? this.notFound(name, [`${module}.${tail}`]);
      const all = await this.read(name, from, size === 1 ? [3 * dim] : [3 * dim, size]);
      return all.subarray(part * dim * size, (part + 1) * dim * size);
    };
    const product = multiplied(await partOf("in_proj_weight", dim), values, [dim, dim, columns]);
    if (shape.length > 1) return product;
    const bias = await partOf("in_proj_bias", 1);
    return product.map((value, i) => value + bias[i]);
  }

  /** The values of a tensor; its shape must match except for dims of 1. */
  private async read(name: string, from: string, shape: readonly number[]): Promise<Float32Array> {
    const there = this.dict.tensors.get(from)!.shape;
    const bare = (dims: readonly number[]) => dims.filter((dim) => dim !== 1).join(", ");
    if (bare(there) !== bare(shape))
      throw new ImportError({
        what: `${name} has a different shape in the state dict`,
        where: `${this.file}: ${from}`,
        got: `[${there.join(", ")}]`,
        expected: `[${shape.join(", ")}]`,
        next: "Use the pipeline config that the weights were trained with.",
      });
    this.refuseType(name, from);
    this.matched.push({ name, from });
    return (await this.dict.read(from)) as Float32Array;
  }

  private refuseType(name: string, from: string): void {
    const { dtype } = this.dict.tensors.get(from)!;
    if (FLOATS.includes(dtype)) return;
    throw new ImportError({
      what: `${name} has another type of numbers in the state dict`,
      where: `${this.file}: ${from}`,
      got: dtype,
      expected: FLOATS.join(", "),
      next: "Save it as float32: save_file({k: v.float().contiguous() for k, v in model.state_dict().items()}, path).",
    });
  }

  /** Reorders the entries of the concatenated features. */
  private reorder(name: string, shape: readonly number[], values: Float32Array): Float32Array {
    const order = columnOrder(name, this.imported.config.model, this.imported.features);
    if (!order) return values;
    const { axis } = order;
    const columns = shape.length === 1 || axis === 1 ? (shape.at(-1) as number) : shape[0];
    const source = (i: number) => order.columns[i] ?? i;
    const inner = axis === 1 || shape.length === 1 ? 1 : shape[1];
    const outer = values.length / (columns * inner);
    const data = new Float32Array(values.length);
    for (let o = 0; o < outer; o++)
      for (let c = 0; c < columns; c++) {
        const at = (o * columns + source(c)) * inner;
        data.set(values.subarray(at, at + inner), (o * columns + c) * inner);
      }
    return data;
  }

  private find(tails: readonly string[]): string | undefined {
    for (const tail of tails) {
      const found = [...this.dict.tensors.keys()].filter(
        (name) => name === tail || name.endsWith(`.${tail}`),
      );
      if (found.length === 1) return found[0];
      if (found.length > 1)
        throw new ImportError({
          what: `several tensors of the state dict end in ${tail}`,
          where: this.file,
          got: found.join(", "),
          expected: "one",
          next: "Save the state dict of one model.",
        });
    }
    return undefined;
  }

  private notFound(name: string, tails: readonly string[]): never {
    const names = [...this.dict.tensors.keys()];
    throw new ImportError({
      what: `${name} is not in the state dict`,
      where: this.file,
      got: `${names.slice(0, 8).join(", ")}${names.length > 8 ? `, … (${names.length} tensors)` : ""}`,
      expected:
        tails.length > 0 ? `a name that ends in ${tails.join(" or ")}` : "a weight of TorchEasyRec's model",
      next: "Save model.state_dict() of the model with this pipeline config.",
    });
  }
}

/** [n, m] stored as [m, n]. */
function transpose(values: Float32Array, [rows, columns]: readonly number[]): Float32Array {
  return Float32Array.from(values, (_, i) => values[(i % columns) * rows + Math.floor(i / columns)]);
}

/** a [m, k] times b [k, n]. */
function multiplied(
  a: Float32Array,
  b: Float32Array,
  [m, k, n]: readonly [number, number, number],
): Float32Array {
  return Float32Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a[i * k + p] * b[p * n + j];
    return sum;
  });
}
