import { LABEL_COLUMN, WEIGHT_COLUMN } from "../columns/columns.js";
import type { Layout } from "./block.js";
import { Refusal, type RefusalCode } from "./refusal.js";

/** What labels may be: 0 and 1, for losses over a probability; class ids; or any finite number, for regression. */
export type LabelKind = "binary" | "real" | { readonly classes: number };

/** The columns of the labels, in the order of the model's outputs. */
export const labelNames = (label: string | readonly string[]): readonly string[] =>
  typeof label === "string" ? [label] : label;

/** Why a label or a weight, a number rounded to float, is refused; 0 where it is not. */
export function targetRefusal(kind: LabelKind | "weight", value: number): 0 | RefusalCode {
  if (kind === "binary") return value === 0 || value === 1 ? 0 : Refusal.notBinary;
  if (typeof kind === "object")
    return Number.isInteger(value) && value >= 0 && value < kind.classes ? 0 : Refusal.notClass;
  if (!Number.isFinite(value)) return Refusal.notFinite;
  return kind === "weight" && value < 0 ? Refusal.negative : 0;
}

/** A label or the weight: the column it is read from, where it goes, what it may be. */
export interface TargetColumn {
  /** By which refusals name it: `@label`, one of several labels `@label.<column>`, `@weight`. */
  readonly name: string;
  readonly column: string;
  readonly kind: LabelKind | "weight";
  /** Its column of the matrix of numbers. */
  readonly offset: number;
}

/** The labels in order, then the weight, where there is one. */
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

/** The first column of the matrix of numbers that labels or the weight stand in. */
export function targetOffset(layout: Layout, name: typeof LABEL_COLUMN | typeof WEIGHT_COLUMN): number {
  return layout.numbers.find((range) => range.name === name)!.offset;
}
