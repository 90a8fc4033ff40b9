import type { Node } from "../graph/op.js";
import { PRECISIONS } from "../graph/precision.js";
import { type Tensor, width } from "../graph/tensor.js";
import type { Plan } from "../passes/memory-plan.js";
import { costOf } from "../passes/node-cost.js";
import type { Step } from "../passes/schedule.js";

/** What a rank computes in a step, without rows of tables: as its operations declare it. */
export interface Work {
  /** Operations on fp32 numbers, and on operands that are rounded to bfloat16. */
  readonly flops: number;
  readonly bf16Flops: number;
  /** Bytes of weights and of what outlives a tile of rows. */
  readonly memoryBytes: number;
  /** Bytes of what stays with a tile. */
  readonly cacheBytes: number;
}

/** Bytes of a partial result's numbers. */
const FP32 = 4;

const NONE: Work = { flops: 0, bf16Flops: 0, memoryBytes: 0, cacheBytes: 0 };

/** The work of a program on some rows of a batch. Tables are read and updated by their owners, which is counted apart. */
export function workOf(plan: Plan, rows: number): Work {
  const steps = plan.stages.filter(({ kind }) => kind !== "exchange").flatMap((stage) => stage.steps);
  const works = steps.filter(isDense).map((step) => workOfStep(plan, step, rows));
  return works.reduce(sumOfWork, NONE);
}

function sumOfWork(a: Work, b: Work): Work {
  return {
    flops: a.flops + b.flops,
    bf16Flops: a.bf16Flops + b.bf16Flops,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    cacheBytes: a.cacheBytes + b.cacheBytes,
  };
}

const isDense = ({ node }: Step): boolean =>
  node.op.execution !== "table" && node.op.execution !== "exchange";

function workOfStep(plan: Plan, { kind, node }: Step, rows: number): Work {
  if (kind === "combine") return { ...NONE, cacheBytes: 2 * FP32 * sum(node.outputs.map(width)) };
  const tensors = [...node.inputs, ...node.outputs];
  const { flops, elements } = costOf(node, rows);
  const bytes = elements.map(
    (count, i) => [count * bytesOf(tensors[i]), isInMemory(plan, tensors[i])] as const,
  );
  const memoryBytes = sum(bytes.map(([each, inMemory]) => (inMemory ? each : 0)));
  const cacheBytes = sum(bytes.map(([each, inMemory]) => (inMemory ? 0 : each)));
  return {
    ...(isBf16(node) ? { flops: 0, bf16Flops: flops } : { flops, bf16Flops: 0 }),
    memoryBytes,
    cacheBytes,
  };
}

function isBf16({ op, attrs }: Node): boolean {
  return op.hasPrecision === true && (attrs.precision ?? PRECISIONS[0]) === "bf16";
}

function isInMemory(plan: Plan, tensor: Tensor): boolean {
  const { space } = (plan.partials.get(tensor) ?? plan.views.get(tensor)!).buffer;
  return space === "parameter" || space === "batch";
}

function bytesOf({ dtype }: Tensor): number {
  return dtype === "fp16" || dtype === "bf16" ? 2 : dtype === "id64" || dtype === "ids64" ? 8 : 4;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
