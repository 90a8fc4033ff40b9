import type { Combine, InstructionRules } from "../graph/op.js";

const KINDS: Record<Combine, number> = { sum: 0, mean: 1, moments: 2 };

/** Combines the partial results of a reduction: an instruction without an operation in graphs. */
export const combine = {
  kind: "combine",
  opcode: 43,
  execution: "fixed",
  elementwise: true,
  operands: "partials:partial[*]... -> out:fixed[*]...",
  attributes: "kind",
  meaning:
    "folds the groups. kind 0: sum; 1: mean over the rows; 2: moments, n = 2, (mean, M2) to (mean, biased variance) by Chan et al.",
  encode: (kind: Combine): number[] => [KINDS[kind]],
} satisfies InstructionRules & { encode(kind: Combine): number[] };
