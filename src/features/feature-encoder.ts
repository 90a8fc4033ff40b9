import { WEIGHT_COLUMN } from "../columns/columns.js";
import { Block, type Layout, layoutOf } from "./block.js";
import { compileColumn, type EncodeColumn, encodeTargets, type Refusals } from "./column-encoders.js";
import { compileDerivation, evaluationOrder, inputNames } from "./derive.js";
import type { FittedFeature, FittedFeatures, FittedNumber } from "./fitted.js";
import { Refused } from "./inputs.js";
import { featureValues } from "./outputs.js";
import type { RawColumn } from "./raw-column.js";
import { type LabelKind, targetColumns, targetOffset } from "./targets.js";
import { vocabularyCache } from "./transform.js";
import { compileValues } from "./value-columns.js";

/** A batch of rows from a source. */
export interface RawBatch {
  readonly rows: number;
  /** The columns that each encoder reads, by the encoder's index. */
  column(encoder: number): RawColumn;
  /** The input columns of a derived feature, as JavaScript values. */
  inputs(encoder: number): readonly (readonly unknown[])[];
  /** The values of a derived feature in training rows, where they are not the computed ones. */
  trainingValues?(feature: string): readonly (number | undefined)[] | undefined;
}

export interface TargetNames {
  /** The columns of the labels. */
  readonly labels: readonly string[];
  readonly kind: LabelKind;
  /** The column of the sample weight; without it every weight is 1. */
  readonly weight?: string;
}

/** Called with the values of a derived feature for the rows of a batch. */
export type Observer = (feature: string, values: readonly unknown[]) => void;

/** Encodes one feature or target. */
export interface ColumnEncoder {
  /** Targets are numbers that are never imputed. */
  readonly feature: FittedFeature;
  /** Wraps JavaScript values as a column that {@link encode} reads. */
  readonly columnOf: (values: ArrayLike<unknown>) => RawColumn;
  readonly encode: EncodeColumn;
  /** Computes a derived feature's values. */
  readonly derive?: ReturnType<typeof compileDerivation>;
  /** Set if other features read this one. */
  readonly isRead: boolean;
}

/** Encodes raw columns with the transforms of fitted features. Packing and serving both run this. */
export class FeatureEncoder {
  readonly layout: Layout;
  /** In execution order: features, each after its inputs, then targets. */
  readonly encoders: readonly ColumnEncoder[];
  /** By feature: the values that other features read from it. */
  private readonly values = new Map<string, readonly unknown[]>();

  constructor(
    fitted: FittedFeatures,
    private readonly targets?: TargetNames,
    private readonly observe?: Observer,
  ) {
    this.layout = layoutOf(fitted, targets?.labels.length ?? 0);
    this.encoders = [...featureEncoders(fitted, this.layout), ...targetEncoders(this.layout, targets)];
  }

  /** Allocates a block. */
  newBlock(capacity: number): Block {
    const block = new Block(this.layout, capacity);
    if (!this.targets || this.targets.weight !== undefined) return block;
    const offset = targetOffset(this.layout, WEIGHT_COLUMN);
    for (let r = 0; r < capacity; r++) block.numbers[r * this.layout.numbersWidth + offset] = 1;
    return block;
  }

  /**
   * Encodes all rows of a batch into a block with at least that many rows. The contents of refused rows are undefined.
   */
  encode(batch: RawBatch, block: Block, refusals: Refusals): void {
    block.clear();
    block.rows = batch.rows;
    refusals.clear();
    this.values.clear();
    for (let i = 0; i < this.encoders.length; i++) {
      const encoder = this.encoders[i];
      refusals.encoder = i;
      const column = encoder.derive ? encoder.columnOf(this.derived(i, batch, refusals)) : batch.column(i);
      encoder.encode(column, batch.rows, block, refusals);
      if (encoder.isRead)
        this.values.set(encoder.feature.name, featureValues(encoder.feature, column.values(), block));
    }
  }

  /** The values of a derived feature; `undefined` in refused rows. */
  private derived(encoder: number, batch: RawBatch, refusals: Refusals): readonly unknown[] {
    const { feature, derive } = this.encoders[encoder];
    const columns = batch.inputs(encoder).values();
    const inputs = feature.reading.derivation!.inputs.map((input) => {
      if ("constant" in input) return Array<unknown>(batch.rows).fill(input.constant);
      return "feature" in input ? this.values.get(input.feature)! : columns.next().value!;
    });
    const ownValues = batch.trainingValues?.(feature.name);
    const values = derive!(inputs, batch.rows).map((value, row) => {
      if (!(value instanceof Refused)) return ownValues?.[row] ?? value;
      refusals.mark(row, value.code);
      return undefined;
    });
    this.observe?.(feature.name, values);
    return values;
  }
}

function featureEncoders(fitted: FittedFeatures, layout: Layout): ColumnEncoder[] {
  const vocabularies = vocabularyCache(fitted);
  const read = inputNames(fitted);
  return evaluationOrder(fitted).map((i) => {
    const feature = fitted.features[i];
    const { derivation } = feature.reading;
    return {
      feature,
      columnOf: compileValues(feature),
      encode: compileColumn(feature, layout, vocabularies),
      derive: derivation && compileDerivation(derivation, fitted),
      isRead: read.has(feature.name),
    };
  });
}

function targetEncoders(layout: Layout, targets: TargetNames | undefined): ColumnEncoder[] {
  if (!targets) return [];
  return targetColumns(layout, targets.labels, targets.kind, targets.weight).map((target) => {
    const feature = targetFeature(target.name, target.column);
    const encode = encodeTargets(feature, target, layout);
    return { feature, columnOf: compileValues(feature), encode, isRead: false };
  });
}

/** A label or weight as a feature: a finite number, never imputed. */
export function targetFeature(name: string, column: string): FittedNumber {
  return {
    kind: "number",
    name,
    reading: { columns: [column], as: "number" },
    width: 1,
    transform: { kind: "identity" },
    missing: null,
    nonFinite: "refuse",
  };
}
