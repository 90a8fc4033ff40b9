import type { Column } from "../src/columns/columns.js";
import type { TableDtype } from "../src/graph/tensor.js";
import { drawKey, drawUnit } from "../src/random.js";

/* How tables are trained in tests of bits, and on what. */

export const EMBEDDING = [
  { kind: "sgd" },
  { kind: "adagrad" },
  { kind: "rowWiseAdagrad" },
  { kind: "adam", lazy: true },
  { kind: "adam", lazy: false },
  { kind: "partialRowWiseAdam" },
  { kind: "lamb", lazy: false, weightDecay: 0.02 },
  { kind: "partialRowWiseLamb" },
  { kind: "larsSgd", lazy: false, weightDecay: 0.02 },
  { kind: "rmsprop" },
  { kind: "adadelta" },
];

export const CLIPS = [
  undefined,
  { norm: 0.01, value: 0.002, embedding: "together" },
  { embedding: { norm: 0.005 } },
];

export const DTYPES: readonly TableDtype[] = ["fp32", "fp16", "bf16"];

export interface Sample {
  readonly rows: number;
  readonly users: number;
  readonly items: number;
  /** The label, from a number in [0, 1). */
  readonly labelOf?: (unit: number) => number;
}

/** Numbers, labels, ids of which the low ones are frequent, and two bags, one of them weighted, of up to three of these. */
export function sampleColumns({
  rows,
  users,
  items,
  labelOf = (unit) => unit,
}: Sample): ReadonlyMap<string, Column> {
  const key = drawKey(1, 0, 0);
  let draws = 0;
  const unit = (): number => drawUnit(key, draws++);
  const floats = (width: number, value = unit): Column => {
    const data = Float32Array.from({ length: rows * width }, value);
    return { kind: "number", data, offset: 0, stride: width, width };
  };
  const ids = (limit: number, count: number) =>
    Int32Array.from({ length: count }, () => Math.floor(limit * unit() ** 3));
  const offsets = new BigUint64Array(rows + 1);
  for (let b = 0; b < rows; b++) offsets[b + 1] = offsets[b] + BigInt(Math.floor(4 * unit()));
  const count = Number(offsets[rows]);
  const weights = Float32Array.from({ length: count }, () => 2 * unit() - 0.5);
  return new Map<string, Column>([
    ["numbers", floats(3)],
    ["@label", floats(1, () => labelOf(unit()))],
    ["user", { kind: "id", data: ids(users, rows), offset: 0, stride: 1 }],
    ["item", { kind: "id", data: ids(items, rows), offset: 0, stride: 1 }],
    ["seen", { kind: "ids", values: ids(items, count), offsets }],
    ["liked", { kind: "ids", values: ids(items, count), offsets, weights }],
  ]);
}
