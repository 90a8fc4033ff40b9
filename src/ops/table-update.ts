import { foldGroups, groupStarts } from "../graph/accumulation.js";
import {
  asFp32,
  type BagValue,
  defineOp,
  type Floats,
  type IdValue,
  type KernelCall,
  type Op,
  type Pooling,
  type StepContext,
  type Value,
  type WholeRow,
} from "../graph/op.js";
import { entriesOf, formatType, fp32, isBag, isId, rowsLike, type TensorType } from "../graph/tensor.js";
import type { RowNames } from "../graph/translation.js";
import { drawKey, rowDraws } from "../random.js";
import { checkShapes, isFixed, isTable, sameType } from "./check.js";
import { type CostRule, sizeOf } from "./cost.js";
import { POOLING_CODE } from "./embedding-bag.js";
import { readRow, tableOf, writeRow } from "./table-rows.js";

/*
 * Embedding optimizers. Operands: table [R, D], learning rate [1], the states, the gradient's factor [1] if it is
 * `scaled`, then one pair (ids, grad [B, D]) per lookup of the table. Duplicates are summed exactly, in row order, and
 * each row gets one update, as in FBGEMM's fused optimizers ("exact" mode). The sum is clipped to ±`limit` and
 * multiplied by the factor. `l2` adds `l2 * w` to the gradient of each updated row. `everyRow` updates all rows, with a
 * zero gradient for those not looked up, as a dense optimizer would. Rows of 16-bit numbers are updated in fp32 and
 * rounded stochastically with the draws of `stream`, as in FBGEMM's optimizers for fp16 tables.
 */
export interface TableAttrs {
  readonly poolings: readonly Pooling[];
  readonly l2: number;
  readonly everyRow: boolean;
  /** Maximum magnitude of an element of a row's gradient. */
  readonly limit?: number;
  /** True if a factor of the gradient precedes the pairs. */
  readonly scaled?: boolean;
  /** Stream of the draws that round 16-bit tables. */
  readonly stream?: number;
}

/** The shape of an optimizer state: [R, D] like the table, or one number per row, [R]. */
export type StateShape = "table" | "row";

type Settings<Setting extends string> = Readonly<Record<Setting, number>>;

/** The parts in which embedding optimizers differ. */
export interface TableUpdateRules<Kind extends string, Setting extends string> {
  readonly kind: Kind;
  readonly opcode: number;
  /** By name, in operand order. */
  readonly states: Readonly<Record<string, StateShape>>;
  /** The states that are means or sums of squares, so that they are never negative. */
  readonly squares?: readonly string[];
  /** What it needs of a whole row; absent if it works element by element, so that columns of a table may be updated apart. */
  readonly wholeRow?: WholeRow;
  /** The attributes that precede those of every update: their type in the language of native/program/signature.h. */
  readonly settings: Readonly<Record<Setting, "decay" | "real">>;
  /** Operations per element of an updated row. */
  readonly flops: number;
  readonly meaning: string;
  /** Updates one row: changes `w` and the states in place. `g` includes the L2 penalty. */
  update(settings: Settings<Setting>, context: StepContext): (row: RowUpdate) => void;
}

export interface RowUpdate {
  /** [D] */
  readonly w: Floats;
  /** [D] */
  readonly g: Floats;
  readonly lr: number;
  /** [D] or [1] each. */
  readonly states: readonly Floats[];
}

export interface TableUpdate<Kind extends string, Setting extends string>
  extends Op<TableAttrs & Settings<Setting>>,
    Pick<TableUpdateRules<Kind, Setting>, "kind" | "states" | "squares" | "settings"> {
  readonly kind: Kind;
}

/** The operation of an embedding optimizer. */
export function tableUpdate<const Kind extends string, const Setting extends string = never>(
  rules: TableUpdateRules<Kind, Setting>,
): TableUpdate<Kind, Setting> {
  const { kind, opcode, meaning, states, wholeRow } = rules;
  const shapes = Object.values(states);
  const settings = Object.entries<string>(rules.settings);
  const stateWords = Object.entries(states).map(
    ([name, s]) => `${name}:param![${s === "table" ? "R,D" : "R"}]`,
  );
  const op = defineOp<TableAttrs & Settings<Setting>>({
    kind,
    opcode,
    execution: "table",
    elementwise: wholeRow === undefined,
    wholeRow,
    entries: "segments",
    operands: ["table![R,D] lr:number", ...stateWords, `factor:number? ${PAIRS}`].join(" "),
    attributes: [
      ...settings.map(([name, type]) => `${name}:${type}`),
      "stream l2:real everyRow:flag limit hasFactor poolings",
    ].join(" "),
    meaning,
    cost: tableCost(rules.flops, shapes.length),
    infer: (inputs, attrs) => checkTable(kind, inputs, attrs, shapes),
    reference: (call) => updateRows(call, shapes.length, rules.update(call.attrs, call.context)),
    encode: ({ attrs }) => [...settings.map(([name]) => attrs[name as Setting]), ...encodeTable(attrs)],
  });
  return { ...op, kind, states, squares: rules.squares, settings: rules.settings };
}

/** The operands of a table's gradient: one pair per lookup. */
export const PAIRS = "(ids:occurring grad:gradient[D])...";

/**
 * `flops` per element of an updated row, and one addition per element looked up. Assumes distinct ids, up to the number
 * of rows.
 */
function tableCost(flops: number, states: number): CostRule {
  return ({ shapes, attributes }) => {
    const [[rows, dim], , ...rest] = shapes;
    const scaled = (rest.length - states) % 2;
    const pairs = rest.slice(states + scaled);
    const lookups = pairs.reduce((sum, shape, i) => sum + (i % 2 === 0 ? sizeOf(shape) : 0), 0);
    const everyRow = attributes.at(-3 - pairs.length / 2);
    const updated = everyRow ? rows : Math.min(rows, lookups);
    const touched = (shape: readonly number[]): number => (2 * updated * sizeOf(shape)) / rows;
    return {
      flops: (lookups + flops * updated) * dim,
      elements: [
        touched(shapes[0]),
        1,
        ...rest.slice(0, states).map(touched),
        ...rest.slice(states).map(sizeOf),
      ],
    };
  };
}

function encodeTable({ stream = 0, l2, everyRow, limit = 0, scaled, poolings }: TableAttrs): number[] {
  return [stream, l2, everyRow ? 1 : 0, limit, scaled ? 1 : 0, ...encodePoolings(poolings)];
}

export function encodePoolings(poolings: readonly Pooling[]): number[] {
  return poolings.map((pooling) => POOLING_CODE[pooling]);
}

function checkTable(
  op: string,
  inputs: readonly TensorType[],
  attrs: TableAttrs,
  states: readonly StateShape[],
): [] {
  const [table, lr, ...rest] = inputs;
  const [rows, dim] = table.shape as number[];
  const stateTypes = states.map((kind) => (kind === "table" ? fp32(rows, dim) : fp32(rows)));
  const ok =
    isTable(table) &&
    (table.dtype === "fp32" || attrs.stream !== undefined) &&
    isFixed(lr, 1) &&
    stateTypes.every((type, i) => sameType(rest[i], type)) &&
    (!attrs.scaled || isFixed(rest[states.length], 1)) &&
    arePairs(rest.slice(states.length + (attrs.scaled ? 1 : 0)), attrs.poolings, dim);
  const wanted = [
    "table [R, D]",
    "learning rate [1]",
    ...stateTypes.map(formatType),
    ...(attrs.scaled ? ["factor [1]"] : []),
    "pairs of ids and grad [B, D]",
  ];
  checkShapes(ok, op, wanted.join(", "), inputs);
  return [];
}

/** One pair per pooling: ids and grad [B, D], or a bag and, with a line for each of its ids, grad [L, D]. */
export function arePairs(types: readonly TensorType[], poolings: readonly Pooling[], dim: number): boolean {
  const fits = (pooling: Pooling, pair: number): boolean => {
    const [ids, grad] = types.slice(2 * pair, 2 * pair + 2);
    if (!isId(ids.dtype) && !isBag(ids.dtype)) return false;
    const own = entriesOf(grad);
    const perEntry = own !== undefined && own === ids.entries && pooling === "sum";
    return sameType(grad, perEntry ? rowsLike(grad, dim) : fp32("B", dim));
  };
  return types.length === 2 * poolings.length && poolings.every(fits);
}

function updateRows(call: KernelCall<TableAttrs>, states: number, update: (row: RowUpdate) => void): void {
  const table = tableOf(call.inputs[0]);
  const [lr] = asFp32(call.inputs[1]).data;
  const stateValues = call.inputs.slice(2, 2 + states).map(asFp32);
  const [rows, dim] = table.shape;
  const { limit, scaled, poolings } = call.attrs;
  const factor = scaled ? asFp32(call.inputs[2 + states]).data[0] : 1;
  const firstPair = 2 + states + (scaled ? 1 : 0);
  const gradients = sumDuplicates(call, poolings, firstPair, dim);
  const names = namesOf(call.inputs[firstPair]);
  const touched = call.attrs.everyRow ? Array.from({ length: rows }, (_, r) => r) : [...gradients.keys()];
  const zero = readRow(table, 0).slice().fill(0);
  const key = drawKey(call.context.seed, call.attrs.stream ?? 0, call.context.step);
  for (const r of touched) {
    const w = readRow(table, r);
    const sum = gradients.get(r)?.map((value) => cutOff(value, limit) * factor) ?? zero;
    const g = sum.map((value, d) => value + call.attrs.l2 * w[d]) as Floats;
    update({ w, g, lr, states: stateValues.map(({ data }) => rowOf(data, r, data.length / rows)) });
    writeRow(table, r, w, rowDraws(key, names ? names.keyOf(r) : BigInt(r), dim));
  }
}

/** The names of rows, if they are not their numbers. */
export function namesOf(rows: Value): RowNames | undefined {
  return (rows as IdValue | BagValue).names;
}

/** Clips the value to ±limit; NaN stays NaN. */
export function cutOff(value: number, limit = Number.POSITIVE_INFINITY): number {
  return Math.min(limit, Math.max(-limit, value));
}

/**
 * The summed gradient of every row that occurs and is trained. Within an accumulation group: pairs in order, rows ascending, bag
 * positions ascending. The groups are added along the tree.
 */
export function sumDuplicates(
  call: KernelCall,
  poolings: readonly Pooling[],
  firstPair: number,
  dim: number,
): Map<number, Floats> {
  const sums = [...sumByGroup(call, poolings, firstPair, dim)];
  return new Map(sums.map(([id, groups]) => [id, foldGroups(groups, addInto)]));
}

/** The sums of every row that occurs and is trained, by group. */
export function sumByGroup(
  { node, inputs, context }: KernelCall,
  poolings: readonly Pooling[],
  firstPair: number,
  dim: number,
): Map<number, [group: number, sum: Floats][]> {
  const { rows, accumulation } = context;
  const starts = accumulation ? groupStarts(rows, accumulation) : [0, rows];
  const perEntry = poolings.map((_, pair) => entriesOf(node.inputs[firstPair + 2 * pair + 1]) !== undefined);
  const sums = new Map<number, [group: number, sum: Floats][]>();
  const addTerm = (group: number, id: number, term: Floats): void => {
    const groups = sums.get(id) ?? [];
    sums.set(id, groups);
    const last = groups.at(-1);
    if (last?.[0] === group) addInto(last[1], term);
    else groups.push([group, term]);
  };
  const returned = (inputs[firstPair] as IdValue).groups;
  returned?.forEach((group, i) => {
    const grad = asFp32(inputs[firstPair + 1]).data;
    addTerm(group, (inputs[firstPair] as IdValue).data[i], rowOf(grad, i, dim).slice());
  });
  for (let group = 0; !returned && group + 1 < starts.length; group++) {
    poolings.forEach((pooling, pair) => {
      const ids = inputs[firstPair + 2 * pair];
      const grad = asFp32(inputs[firstPair + 2 * pair + 1]).data;
      for (let b = starts[group]; b < starts[group + 1]; b++) {
        const bag = ids.kind === "ids" ? bagOf(ids, b) : [{ id: (ids as IdValue).data[b], weight: 1, at: b }];
        const scale = pooling === "mean" ? 1 / bag.length : 1;
        for (const { id, weight, at } of bag) {
          const term = perEntry[pair]
            ? rowOf(grad, at, dim)
            : rowOf(grad, b, dim).map((g) => g * scale * weight);
          addTerm(group, id, term.slice());
        }
      }
    });
  }
  if (namesOf(inputs[firstPair])?.trainsUnknown === false) sums.delete(0);
  return sums;
}

function addInto(sum: Floats, term: Floats): Floats {
  for (let d = 0; d < sum.length; d++) sum[d] += term[d];
  return sum;
}

function bagOf(
  { values, offsets, weights }: BagValue,
  row: number,
): { id: number; weight: number; at: number }[] {
  const ids = Array.from(values.subarray(offsets[row], offsets[row + 1]));
  return ids.map((id, i) => ({ id, weight: weights?.[offsets[row] + i] ?? 1, at: offsets[row] + i }));
}

function rowOf(data: Floats, row: number, size: number): Floats {
  return data.subarray(row * size, (row + 1) * size);
}
