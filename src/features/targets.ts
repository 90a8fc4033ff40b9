import { LABEL_COLUMN, WEIGHT_COLUMN } from "../columns/columns.js";
import type { Layout } from "./block.js";
import { Refusal, type RefusalCode } from "./refusal.js";

/** Allowed labels: 0 and 1 (losses over a probability), class ids, or any finite number (regression). */
export type LabelKind = "binary" | "real" | { readonly classes: number };

/** Label columns, in the order of the model's outputs. */
export const labelNames = (label: string | readonly string[]): readonly string[] =>
  typeof label === "string" ? [label] : label;

/** Why a label or weight is refused; 0 if it is accepted. */
export function targetRefusal(kind: LabelKind | "weight", value: number): 0 | RefusalCode {
  if (kind === "binary") return value === 0 || value === 1 ? 0 : Refusal.notBinary;
  if (typeof kind === "object")
    return Number.isInteger(value) && value >= 0 && value < kind.classes ? 0 : Refusal.notClass;
  if (!Number.isFinite(value)) return Refusal.notFinite;
  return kind === "weight" && value < 0 ? Refusal.negative : 0;
}

/** A label or weight: its source column, its position, and its allowed values. */
export interface TargetColumn {
  /** The name used in refusals: `@label`, `@label.<column>` with several labels, `@weight`. */
  readonly name: string;
  readonly column: string;
  readonly kind: LabelKind | "weight";
  /** Its column in the matrix of numbers. */
  readonly offset: number;
}

/** The labels in order, then the weight if there is one. */
export function targetColumns(
  layout: Layout,
  labels: readonly string[],
  kind: LabelKind,
  weight?: string,
): TargetColumn[] {
  const first = targetOffset(layout, LABEL_COLUMN);
  const targets: TargetColumn[] = labels.map((column, i) => {
    const name = labels.length === 1 ? LABEL_COLUMN : `${LABEL_COLUMN}.${column}`;
    return { name, column, kind, offset: first + i };
  });
  if (weight === undefined) return targets;
  const offset = targetOffset(layout, WEIGHT_COLUMN);
  return [...targets, { name: WEIGHT_COLUMN, column: weight, kind: "weight", offset }];
}

/** The first column of the matrix of numbers that holds labels or the weight. */
export function targetOffset(layout: Layout, name: typeof LABEL_COLUMN | typeof WEIGHT_COLUMN): number {
  return layout.numbers.find((range) => range.name === name)!.offset;
}
