import { Refusal, type RefusalCode } from "./refusal.js";

/** What labels may be: 0 and 1, for losses over a probability; class ids; or any finite number, for regression. */
export type LabelKind = "binary" | "real" | { readonly classes: number };

/** Why a label or a weight, a number rounded to float, is refused; 0 where it is not. */
export function targetRefusal(kind: LabelKind | "weight", value: number): 0 | RefusalCode {
  if (kind === "binary") return value === 0 || value === 1 ? 0 : Refusal.notBinary;
  if (typeof kind === "object")
    return Number.isInteger(value) && value >= 0 && value < kind.classes ? 0 : Refusal.notClass;
  if (!Number.isFinite(value)) return Refusal.notFinite;
  return kind === "weight" && value < 0 ? Refusal.negative : 0;
}
