import type { Initializer } from "../graph/initializer.js";
import type { InputAttrs } from "../graph/mask.js";
import { asFp32, defineOp, type KernelCall } from "../graph/op.js";
import type { Placement } from "../graph/placement.js";
import { fp32, type TableDtype } from "../graph/tensor.js";
import { elementwise, FREE, sizeOf } from "./cost.js";

/**
 * The purpose of a parameter. `dense` weights and embedding `table`s are trained (if `trainable`); optimizer `state`
 * and `buffer`s (running statistics) are written by operations only. `counts` are counted by steps and read by the
 * trainer; they are not part of the model or of checkpoints.
 */
export type ParameterRole = "dense" | "table" | "state" | "buffer" | "counts";

export interface ParameterAttrs {
  /** Stable and unique; the key in checkpoints. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: ParameterRole;
  readonly init: Initializer;
  readonly trainable: boolean;
  /** Storage format of a table; default fp32. */
  readonly dtype?: TableDtype;
  /** True if the elements are words of 32 bits that are no numbers: those of quantized rows. */
  readonly words?: true;
  /** True if the elements are means or sums of squares. */
  readonly nonnegative?: true;
  /** For a table and its states: the translation from ids to rows. Default: ids are rows. */
  readonly translation?: string;
  /** For a table and its states: the ranks that share it. Default: every rank has all rows. */
  readonly placement?: Placement;
  /** True if rows belong to keys of a dynamic table: they get their initial values when a key gets them. */
  readonly byKey?: true;
}

const noKernel = (_: KernelCall): void => undefined;

/**
 * A column of the data: `fp32` [B, width], one `id` per row, or a bag of `ids` per row. Ids are in [0, limit); with the
 * limit `KEYS` they are 64-bit keys of any pattern.
 */
export const input = defineOp<InputAttrs>({
  kind: "input",
  opcode: 1,
  execution: "source",
  binds: "input",
  operands: "-> out:loaded",
  attributes: "input",
  meaning: "the rows of this step, gathered from the bound column",
  // Read from the column and written to the tile.
  cost: ({ shapes: [out] }) => ({ flops: 0, elements: [2 * sizeOf(out)] }),
  infer: (_, { type }) => [type],
  reference: noKernel,
});

/** A weight, table, optimizer state or running statistic, bound by the caller. */
export const parameter = defineOp<ParameterAttrs>({
  kind: "parameter",
  opcode: 2,
  execution: "source",
  binds: "parameter",
  cost: FREE,
  infer: (_, { shape, dtype = "fp32" }) => [{ dtype, shape }],
  reference: noKernel,
});

/** One number that the caller provides per step, such as a learning rate. */
export const scalar = defineOp<{ name: string }>({
  kind: "scalar",
  opcode: 3,
  execution: "source",
  binds: "scalar",
  cost: FREE,
  infer: () => [fp32(1)],
  reference: noKernel,
});

/** A fixed tensor filled with one value. */
export const constant = defineOp<{ value: number; shape: readonly number[] }>({
  kind: "constant",
  opcode: 4,
  execution: "fixed",
  operands: "-> out:fixed[*]",
  attributes: "value",
  meaning: "out filled with `value`",
  cost: elementwise(0),
  infer: (_, { shape }) => [fp32(...shape)],
  reference: ({ outputs, attrs }) => void asFp32(outputs[0]).data.fill(attrs.value),
  encode: ({ attrs }) => [attrs.value],
});
