import { type Layout, labelColumn, weightColumn } from "./block.js";
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
  /** Its column of the dense matrix. */
  readonly offset: number;
}

/** The labels in order, then the weight, where there is one. */
export function targetColumns(
  layout: Layout,
  labels: readonly string[],
  kind: LabelKind,
  weight?: string,
): TargetColumn[] {
  const first = targetOffset(layout, labelColumn);
  const targets: TargetColumn[] = labels.map((column, i) => {
    const name = labels.length === 1 ? labelColumn : `${labelColumn}.${column}`;
    return { name, column, kind, offset: first + i };
  });
  if (weight === undefined) return targets;
  const offset = targetOffset(layout, weightColumn);
  return [...targets, { name: weightColumn, column: weight, kind: "weight", offset }];
}

/** The first column of the dense matrix that labels or the weight stand in. */
export function targetOffset(layout: Layout, name: typeof labelColumn | typeof weightColumn): number {
  return layout.dense.find((range) => range.name === name)!.offset;
}
