import type { NativeProfile } from "../backends/native/backend.js";
import type { Cost, Op } from "../graph/op.js";
import { PRECISIONS } from "../graph/precision.js";
import { isBag, isId } from "../graph/tensor.js";
import type { Ceilings, Instruction, InstructionOperand } from "../native/addon.js";
import { sizeOf } from "../ops/cost.js";
import { OPS } from "../ops/index.js";

/** Folds partial results: the only instruction without an operation in the graph. */
const FOLD = "combine";

/** The instructions of one operation on operands of one shape. */
export interface ProfileLine {
  readonly op: string;
  /** Shapes of the operands, inputs then outputs; `B` is the rows of the batch. */
  readonly shapes: string;
  /** The first parameter that they read; empty if there is none. */
  readonly parameter: string;
  readonly instructions: number;
  /** Share of the time of all threads. */
  readonly share: number;
  /** 10^9 operations per second, all threads together. */
  readonly gflops_per_s: number;
  /** 10^9 bytes per second that must be read or written, all threads together. */
  readonly gbytes_per_s: number;
  /** The minimum time that the ceilings allow, divided by the time taken. */
  readonly ceiling_share: number;
}

/** The time of a step by instruction. All shares add up to 1. */
export interface Profile {
  readonly tile_rows: number;
  readonly groups: number;
  readonly step_us: number;
  readonly gflops_per_s: number;
  readonly lines: readonly ProfileLine[];
  readonly packing_share: number;
  /** Share of adding up partial results before the `combine` instructions. */
  readonly folding_share: number;
  /** Share of waiting at the end of stages, and of everything that is not an instruction. */
  readonly outside_share: number;
}

/** A call of the executable: its wall time and its profile. */
export interface ProfiledCall {
  readonly nanoseconds: number;
  readonly profile: NativeProfile;
}

export interface CallSettings {
  /** Steps of each call. */
  readonly steps: number;
  /** Rows of each step. */
  readonly batch: number;
  readonly threads: number;
}

/** Summarises the profiles of several calls; the slowest instructions come first. */
export function summarize(
  calls: readonly ProfiledCall[],
  { steps, batch, threads }: CallSettings,
  ceilings: Ceilings,
): Profile {
  const [{ profile }] = calls;
  const groups = Math.min(profile.groups, Math.ceil(batch / profile.tileRows));
  const nanoseconds = sumOf(calls, (call) => call.nanoseconds);
  const allSteps = calls.length * steps;
  const lines = kindsOf(calls).map(({ instructions: [first, ...rest], nanoseconds: spent }): ProfileLine => {
    const count = 1 + rest.length;
    const work = workOf(first, batch, groups);
    const rate = (count * allSteps * threads) / spent; // rates are per wall second, for all threads together
    return {
      op: first.name,
      shapes: shapesOf(first),
      parameter: first.operands.find(({ space }) => space === "parameter")?.name ?? "",
      instructions: count,
      share: spent / (nanoseconds * threads),
      gflops_per_s: rate * work.flops,
      gbytes_per_s: rate * (work.memoryBytes + work.cacheBytes),
      ceiling_share: rate * leastTime(work, peakOf(first, ceilings), ceilings),
    };
  });
  const packing = sumOf(calls, (call) => call.profile.packing) / nanoseconds;
  const folding = sumOf(calls, (call) => call.profile.folding) / (nanoseconds * threads);
  const flops = sumOf(profile.instructions, ({ instruction }) => workOf(instruction, batch, groups).flops);
  return {
    tile_rows: profile.tileRows,
    groups,
    step_us: nanoseconds / allSteps / 1000,
    gflops_per_s: (flops * allSteps) / nanoseconds,
    lines: lines.sort((a, b) => b.share - a.share),
    packing_share: packing,
    folding_share: folding,
    outside_share: 1 - packing - folding - sumOf(lines, ({ share }) => share),
  };
}

interface Kind {
  readonly instructions: Instruction[];
  nanoseconds: number;
}

/** The instructions by operation and shapes, and their time in all calls. */
function kindsOf(calls: readonly ProfiledCall[]): Kind[] {
  const kinds = new Map<string, Kind>();
  calls[0].profile.instructions.forEach(({ instruction }, i) => {
    const key = `${instruction.name} ${shapesOf(instruction)}`;
    const kind = kinds.get(key) ?? { instructions: [], nanoseconds: 0 };
    kind.instructions.push(instruction);
    kind.nanoseconds += sumOf(calls, ({ profile }) => profile.instructions[i].nanoseconds);
    kinds.set(key, kind);
  });
  return [...kinds.values()];
}

/** Work of one instruction for a batch. */
export interface Work {
  readonly flops: number;
  /** Bytes of parameters and of what outlives a tile. */
  readonly memoryBytes: number;
  /** Bytes of what stays with a tile, and of partial results. */
  readonly cacheBytes: number;
}

/** The work of an instruction for `rows` rows; a bag counts as one id, and a row has one entry. */
export function workOf(instruction: Instruction, rows: number, groups: number): Work {
  const { flops, elements } = costOf(instruction, rows, groups);
  const bytes = elements.map(
    (count, i) => bytesOf(instruction.operands[i]) * count * copiesOf(instruction.operands[i], groups),
  );
  const inMemory = instruction.operands.map(({ space }) => ["parameter", "batch", "entries"].includes(space));
  const memoryBytes = sumOf(
    bytes.filter((_, i) => inMemory[i]),
    (count) => count,
  );
  return { flops, memoryBytes, cacheBytes: sumOf(bytes, (count) => count) - memoryBytes };
}

function costOf({ name, operands, attributes }: Instruction, rows: number, groups: number): Cost {
  const shapes = operands.map((operand) => shapeOf(operand, rows));
  if (name !== FOLD) return (OPS[name as keyof typeof OPS] as Op).cost({ shapes, attributes });
  const partials = shapes.slice(0, shapes.length / 2);
  return {
    flops: groups * partials.reduce((sum, shape) => sum + sizeOf(shape), 0),
    elements: shapes.map(sizeOf),
  };
}

/** Bytes of an element. */
function bytesOf({ dtype }: InstructionOperand): number {
  return dtype === "fp16" || dtype === "bf16" ? 2 : dtype === "id64" || dtype === "ids64" ? 8 : 4;
}

function copiesOf({ space }: InstructionOperand, groups: number): number {
  return space === "partial" ? groups : 1;
}

function shapeOf({ space, dtype, dims }: InstructionOperand, rows: number): readonly number[] {
  if (isId(dtype) || isBag(dtype)) return [rows];
  return hasLines(space) ? [rows, ...dims] : dims;
}

function hasLines(space: InstructionOperand["space"]): boolean {
  return space === "tile" || space === "batch" || isOfEntries(space);
}

function isOfEntries(space: InstructionOperand["space"]): boolean {
  return space === "entries" || space === "tileEntries";
}

/** Operations per second at the instruction's precision, which is its last attribute if it has one. */
function peakOf({ name, attributes }: Instruction, { flops, bf16Flops }: Ceilings): number {
  const op: Op | undefined = OPS[name as keyof typeof OPS];
  const bf16 = op?.hasPrecision && PRECISIONS[attributes.at(-1)!] === "bf16";
  return bf16 ? bf16Flops : flops;
}

/** Minimum nanoseconds, if only the ceilings limited the machine. */
function leastTime({ flops, memoryBytes, cacheBytes }: Work, peak: number, ceilings: Ceilings): number {
  const moving = memoryBytes / ceilings.memoryBytes + cacheBytes / ceilings.cacheBytes;
  return 1e9 * Math.max(flops / peak, moving);
}

/** `[B,367] [512,367] [512] [B,512]`; operands that repeat are counted: `26x[B,16]`. */
function shapesOf({ operands }: Instruction): string {
  const texts = operands.map(({ space, dtype, dims }) => {
    if (isId(dtype) || isBag(dtype)) return dtype;
    return `${dtype === "fp32" ? "" : dtype}[${[...(hasLines(space) ? [isOfEntries(space) ? "L" : "B"] : []), ...dims].join(",")}]`;
  });
  const runs: { text: string; count: number }[] = [];
  for (const text of texts) {
    const last = runs.at(-1);
    if (last?.text === text) last.count++;
    else runs.push({ text, count: 1 });
  }
  return runs.map(({ text, count }) => (count === 1 ? text : `${count}x${text}`)).join(" ");
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}
