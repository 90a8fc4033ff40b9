import type { DataChunk } from "@duckdb/node-bindings";
import type { Block, Layout } from "../../features/block.js";
import { Refusals } from "../../features/column-encoders.js";
import { evaluationOrder } from "../../features/derive.js";
import {
  FeatureEncoder,
  type Observer,
  type RawBatch,
  type TargetNames,
} from "../../features/feature-encoder.js";
import type { FittedFeatures } from "../../features/fitted.js";
import { refusalText } from "../../features/refusal.js";
import type { LabelKind } from "../../features/targets.js";
import { duckdb } from "../source/binding.js";
import type { Wire } from "../source/column-query.js";
import { type AnyVector, NumberVector } from "../source/vectors.js";
import { chooseKernels } from "./choose-kernels.js";
import type { ColumnKernels } from "./column-kernels.js";
import { entriesText, inputValues, readVector, rowText, vectorColumn } from "./vector-columns.js";

/** A refused row of a chunk. */
export interface RefusedRow {
  readonly feature: string;
  readonly columns: readonly string[];
  readonly reason: string;
  /** The value from DuckDB, as text. */
  readonly value: string | null;
}

export interface Targets {
  /** One label column or several. */
  readonly label: readonly { column: string; wire: Wire }[];
  readonly labels: LabelKind;
  readonly weight?: { column: string; wire: Wire };
}

/** What training rows have instead of computed values that know their label. */
export interface TrainingValues {
  /** SQL: true for training rows. */
  readonly isTraining: string;
  /** By feature: one value per training row, in the order of the source. */
  readonly byFeature: ReadonlyMap<string, Float64Array>;
}

export interface ChunkOptions {
  readonly observe?: Observer;
  readonly kernels?: ColumnKernels;
  readonly training?: TrainingValues;
}

/** Encodes DuckDB chunks. */
export class ChunkEncoder {
  /** The rows of the last encoded chunk. The contents of refused rows are undefined. */
  readonly block: Block;
  private readonly encoder: FeatureEncoder;
  /** The columns that each encoder reads. */
  private readonly wires: readonly (readonly Wire[])[];
  /** The last chunk's columns, by encoder. They keep the chunk alive while native kernels read its memory. */
  private vectors: AnyVector[][] = [];
  private readonly refusals = new Refusals(duckdb.vector_size());
  private readonly kernels: ColumnKernels;
  private readonly training?: TrainingValues;
  /** Training rows so far. */
  private trained = 0;

  /** @param wires the SQL expressions of each feature, in order */
  constructor(
    fitted: FittedFeatures,
    wires: readonly (readonly Wire[])[],
    targets?: Targets,
    { observe, kernels = chooseKernels(), training }: ChunkOptions = {},
  ) {
    this.kernels = kernels;
    this.training = training && training.byFeature.size > 0 ? training : undefined;
    this.encoder = new FeatureEncoder(fitted, targets && namesOf(targets), observe);
    this.block = this.encoder.newBlock(duckdb.vector_size());
    const targetWires = targets ? [...targets.label, ...(targets.weight ? [targets.weight] : [])] : [];
    this.wires = [
      ...evaluationOrder(fitted).map((feature) => wires[feature]),
      ...targetWires.map(({ wire }) => [wire]),
    ];
  }

  get layout(): Layout {
    return this.encoder.layout;
  }

  /** The SELECT list that {@link encode} expects, starting at the first column of the chunk. */
  get projection(): string[] {
    const columns = [
      ...this.wires.flatMap((wires) => wires.map(({ sql }) => sql)),
      ...(this.training ? [`CAST(coalesce(${this.training.isTraining}, false) AS DOUBLE)`] : []),
    ];
    // Features of constants read no column, and a SELECT needs one.
    return columns.length > 0 ? columns : ["0"];
  }

  /** Encodes all rows of a chunk into `block` and returns the number of refused rows. */
  encode(chunk: DataChunk): number {
    let index = 0;
    this.vectors = this.wires.map((wires) =>
      wires.map(({ reads }) => readVector(chunk, index++, reads, this.kernels)),
    );
    const rows = duckdb.data_chunk_get_size(chunk);
    const places =
      this.training &&
      this.trainingPlaces(new NumberVector(chunk, duckdb.data_chunk_get_vector(chunk, index), rows));
    const batch: RawBatch = {
      rows,
      trainingValues: (feature) => {
        const values = this.training?.byFeature.get(feature);
        return values && places!.map((place) => (place === undefined ? undefined : values[place]));
      },
      column: (encoder) => vectorColumn(this.vectors[encoder], this.kernels),
      inputs: (encoder) =>
        this.vectors[encoder].map((vector, i) => inputValues(vector, this.wires[encoder][i].reads, rows)),
    };
    this.encoder.encode(batch, this.block, this.refusals);
    return this.refusals.count;
  }

  /** The number of each row among the training rows; `undefined` for other rows. */
  private trainingPlaces({ rows, values }: NumberVector): (number | undefined)[] {
    return Array.from({ length: rows }, (_, r) => (values[r] === 1 ? this.trained++ : undefined));
  }

  isRefused(row: number): boolean {
    return this.refusals.has(row);
  }

  /** Explains why a row of the last chunk is refused. */
  refusal(row: number): RefusedRow {
    const { encoder, code } = this.refusals.of(row);
    const { feature } = this.encoder.encoders[encoder];
    const { columns, weighted, separator } = feature.reading;
    const vectors = this.vectors[encoder];
    const value = weighted
      ? entriesText(vectors, row)
      : rowText(separator ? vectors.slice(0, 1) : vectors, row);
    return { feature: feature.name, columns, reason: refusalText(code), value };
  }
}

function namesOf({ label, labels, weight }: Targets): TargetNames {
  return { labels: label.map(({ column }) => column), kind: labels, weight: weight?.column };
}
