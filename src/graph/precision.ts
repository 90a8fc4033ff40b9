/** Rounding of the operands of matrix products; sums and parameters are always fp32. */
export const PRECISIONS = ["fp32", "bf16"] as const;
export type Precision = (typeof PRECISIONS)[number];
