/** How the operands of matrix products are rounded; sums and parameters are always f32. */
export const PRECISIONS = ["fp32", "bf16"] as const;
export type Precision = (typeof PRECISIONS)[number];

const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

/**
 * The nearest bfloat16, ties to even: an f32 with eight significant bits (Kalamkar et al., "A Study of BFLOAT16 for
 * Deep Learning Training", 2019).
 */
export function roundToBf16(x: number): number {
  value[0] = x;
  if (Number.isNaN(x)) return x;
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return value[0];
}
