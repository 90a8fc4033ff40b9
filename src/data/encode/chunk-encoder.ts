import type { DataChunk } from "@duckdb/node-bindings";
import { Block, type Layout, layoutOf, weightColumn } from "../../features/block.js";
import { compileCell, targetFeature } from "../../features/cells.js";
import { compileDerivation, evaluationOrder, inputNames } from "../../features/derive.js";
import type { FittedFeature, FittedFeatures } from "../../features/fitted.js";
import { featureValues } from "../../features/outputs.js";
import { type RefusalCode, refusalText } from "../../features/refusal.js";
import { type LabelKind, targetColumns, targetOffset } from "../../features/targets.js";
import { type VocabularyCache, vocabularyCache } from "../../features/transform.js";
import { duckdb } from "../source/binding.js";
import type { Wire } from "../source/column-query.js";
import { entryValues, ListVector, NumberVector, TextVector, vectorValues } from "../source/vectors.js";
import { chooseKernels } from "./choose-kernels.js";
import {
  type AnyVector,
  compileColumn,
  type EncoderPlace,
  type EncodeVectors,
  encodeTargets,
  Refusals,
} from "./column-encoders.js";

/** DuckDB chunks to encoded rows, column by column: the bulk twin of `createEncoder`. */

/** One refused row of a chunk. */
export interface RefusedRow {
  readonly feature: string;
  readonly columns: readonly string[];
  readonly reason: string;
  /** What DuckDB delivered, as text. */
  readonly value: string | null;
}

interface ColumnEncoder {
  readonly feature: string;
  readonly columns: readonly string[];
  readonly wires: readonly Wire[];
  readonly encode: EncodeVectors;
}

/** Sees the values of a derived feature for the rows of a chunk. */
export type Observer = (feature: string, values: readonly unknown[]) => void;

export interface Targets {
  /** One column, or several. */
  readonly label: readonly { column: string; wire: Wire }[];
  readonly labels: LabelKind;
  readonly weight?: { column: string; wire: Wire };
}

export class ChunkEncoder {
  readonly layout: Layout;
  /** The rows of the last chunk encoded; refused rows hold nothing of use. */
  readonly block: Block;
  private readonly encoders: ColumnEncoder[] = [];
  /** By encoder. */
  private vectors: AnyVector[][] = [];
  private refusals: Refusals;
  /** The features in the order of their encoders. */
  private readonly order: readonly number[];
  private readonly read: ReadonlySet<string>;
  /** Of the chunk, by feature: what was computed, then what other features read. */
  private readonly values = new Map<string, readonly unknown[]>();

  /** @param wires of each feature, in order */
  constructor(
    private readonly fitted: FittedFeatures,
    wires: readonly (readonly Wire[])[],
    targets?: Targets,
    private readonly observe?: Observer,
    private readonly kernels = chooseKernels(),
  ) {
    this.layout = layoutOf(fitted, targets?.label.length ?? 0);
    const capacity = duckdb.vector_size();
    this.block = new Block(this.layout, capacity);
    this.refusals = new Refusals(capacity);
    const vocabularies = vocabularyCache(fitted);
    this.order = evaluationOrder(fitted);
    this.read = inputNames(fitted);
    for (const i of this.order) {
      const feature = fitted.features[i];
      if (feature.reading.derivation) this.addDerived(feature, wires[i], vocabularies);
      else this.add(feature, wires[i], compileColumn(feature, vocabularies, this.place));
    }
    if (targets) this.addTargets(targets);
  }

  /** The SELECT list that {@link encode} reads, from the first column of the chunk on. */
  get projection(): string[] {
    return this.encoders.flatMap(({ wires }) => wires.map(({ sql }) => sql));
  }

  /** Encodes all rows of a chunk into `block`; returns how many are refused. */
  encode(chunk: DataChunk): number {
    const rows = duckdb.data_chunk_get_size(chunk);
    this.block.clear();
    this.block.rows = rows;
    this.refusals.by.fill(0, 0, rows);
    this.values.clear();
    let column = 0;
    this.vectors = this.encoders.map(({ wires }) =>
      wires.map(({ reads }) => readVector(chunk, column++, rows, reads)),
    );
    this.encoders.forEach((encoder, i) => {
      encoder.encode(this.vectors[i], rows, this.block, this.refusals);
      this.keepValues(i, rows);
    });
    let refused = 0;
    for (let r = 0; r < rows; r++) if (this.refusals.by[r] !== 0) refused++;
    return refused;
  }

  isRefused(row: number): boolean {
    return this.refusals.by[row] !== 0;
  }

  /** Why a row of the last chunk is refused. */
  refusal(row: number): RefusedRow {
    const index = this.refusals.by[row] - 1;
    const { feature, columns } = this.encoders[index];
    const reason = refusalText(this.refusals.codes[row] as RefusalCode);
    const weighted = this.fitted.features[this.order[index]]?.reading.weighted;
    const value = weighted ? entriesText(this.vectors[index], row) : rowText(this.vectors[index], row);
    return { feature, columns, reason, value };
  }

  /** Of the next encoder. */
  private get place(): EncoderPlace {
    return { encoder: this.encoders.length, layout: this.layout, kernels: this.kernels };
  }

  private add({ name, reading }: FittedFeature, wires: readonly Wire[], encode: EncodeVectors): void {
    this.encoders.push({ feature: name, columns: reading.columns, wires, encode });
  }

  /** A computed value goes through the very functions that serving uses. */
  private addDerived(feature: FittedFeature, wires: readonly Wire[], vocabularies: VocabularyCache): void {
    const { name, reading } = feature;
    const encoder = this.encoders.length;
    const { inputs } = reading.derivation!;
    const compute = compileDerivation(reading.derivation!, this.fitted.tokenizers);
    const write = compileCell(feature, this.layout, vocabularies);
    const encode: ColumnEncoder["encode"] = (vectors, rows, block, refusals) => {
      let column = 0;
      const raw = inputs.map((input) =>
        "feature" in input ? this.values.get(input.feature)! : vectorValues(vectors[column++], rows),
      );
      const values = compute(raw, rows);
      this.values.set(name, values);
      this.observe?.(name, values);
      values.forEach((value, row) => {
        const refusal = write(value, row, block);
        if (refusal !== 0) refusals.mark(row, encoder, refusal);
      });
    };
    this.encoders.push({ feature: name, columns: reading.columns, wires, encode });
  }

  /** What other features read of the feature just encoded. */
  private keepValues(encoder: number, rows: number): void {
    const feature = this.fitted.features[this.order[encoder]];
    if (feature === undefined || !this.read.has(feature.name)) return;
    const raw = this.values.get(feature.name) ?? columnValues(this.vectors[encoder], rows);
    this.values.set(feature.name, featureValues(feature, raw, this.block));
  }

  private addTargets({ label, labels, weight }: Targets): void {
    const wires = [...label, ...(weight ? [weight] : [])].map(({ wire }) => wire);
    const names = label.map(({ column }) => column);
    targetColumns(this.layout, names, labels, weight?.column).forEach((target, i) => {
      const feature = targetFeature(target.name, target.column);
      this.add(feature, [wires[i]], encodeTargets(feature, target, this.place));
    });
    if (weight) return;
    // Nothing writes the weights, so that they stay 1 for every chunk.
    const offset = targetOffset(this.layout, weightColumn);
    const W = this.layout.denseWidth;
    for (let r = 0; r < this.block.capacity; r++) this.block.dense[r * W + offset] = 1;
  }
}

/** The raw values of a feature that reads its column as it is. */
function columnValues(vectors: readonly AnyVector[], rows: number): readonly unknown[] {
  const [vector, weights] = vectors;
  return weights
    ? entryValues(vector as ListVector, weights as ListVector, rows)
    : vectorValues(vector, rows);
}

function readVector(chunk: DataChunk, index: number, rows: number, reads: Wire["reads"]): AnyVector {
  const vector = duckdb.data_chunk_get_vector(chunk, index);
  switch (reads) {
    case "text":
      return new TextVector(chunk, vector, rows);
    case "number":
      return new NumberVector(chunk, vector, rows);
    case "texts":
      return new ListVector(chunk, vector, rows, "text");
    case "numbers":
      return new ListVector(chunk, vector, rows, "number");
  }
}

function rowText(vectors: readonly AnyVector[], row: number): string | null {
  const values = vectors.map((vector) => valueText(vector, row));
  return values.length > 1 ? JSON.stringify(values) : (values[0] ?? null);
}

function entriesText(vectors: readonly AnyVector[], row: number): string | null {
  const [ids, weights] = vectors as ListVector[];
  if (ids.isNull(row)) return null;
  const weightTexts = elementTexts(weights, row);
  return elementTexts(ids, row)
    .map((id, i) => `${id}:${weightTexts[i]}`)
    .join(",");
}

function valueText(vector: AnyVector, row: number): string | null {
  if (vector.isNull(row)) return null;
  if (vector instanceof TextVector) return vector.text(row);
  if (vector instanceof NumberVector) return String(vector.values[row]);
  return elementTexts(vector, row).join(",");
}

function elementTexts({ child, starts, ends }: ListVector, row: number): (string | null)[] {
  return Array.from({ length: ends[row] - starts[row] }, (_, i) => valueText(child, starts[row] + i));
}
