/** How the operands of matrix products are rounded; sums and parameters are always fp32. */
export const PRECISIONS = ["fp32", "bf16"] as const;
export type Precision = (typeof PRECISIONS)[number];
