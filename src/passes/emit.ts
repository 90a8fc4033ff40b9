import { crc32 } from "node:zlib";
import { executionOf, type Graph } from "../graph/graph.js";
import { type InputAttrs, maskedBelow } from "../graph/mask.js";
import type { Node } from "../graph/op.js";
import type { Space } from "../graph/space.js";
import { type DType, isRow, type Tensor, width } from "../graph/tensor.js";
import { KEYS } from "../graph/translation.js";
import { combine } from "../ops/combine.js";
import { type Buffer, isInPlace, type Plan, type View } from "./memory-plan.js";
import { ProgramWriter } from "./program-writer.js";
import type { Stage, Step } from "./schedule.js";

const MAGIC = 0x314d4c50;
const VERSION = 5;
const HEADER_BYTES = 88;
const SPACES: Record<Space, number> = {
  parameter: 0,
  scalar: 1,
  fixed: 2,
  partial: 3,
  tile: 4,
  batch: 5,
  exchange: 6,
  entries: 7,
  tileEntries: 8,
};
const DTYPES = { fp32: 0, id: 1, ids: 2, fp16: 3, bf16: 4, id64: 5, ids64: 6 } as const;
const STAGE_KINDS = { tile: 0, fixed: 1, exchange: 2 } as const;
/** A tile stage that processes the entries of a sequence. */
const ENTRIES_STAGE = 3;

interface Instruction {
  readonly opcode: number;
  readonly operands: readonly View[];
  readonly attributes: readonly number[];
}

export interface Program {
  readonly bytes: Uint8Array;
  /** In the order in which the program binds them. */
  readonly parameters: readonly string[];
  readonly scalars: readonly string[];
  readonly inputs: readonly string[];
  readonly translations: readonly string[];
  readonly outputs: readonly ProgramOutput[];
  readonly maxBatch: number;
}

export interface ProgramOutput {
  readonly name: string;
  /** Values per row or per step. */
  readonly width: number;
  readonly per: "row" | "step";
}

/** Writes a planned graph in the binary format of docs/design/program-format.md. */
export function emit(plan: Plan): Program {
  const bound = boundNodes(plan.graph);
  const stages = lowerStages(plan, bound);
  const content = writeContent(plan, bound, stages);
  const named = (space: Space): string[] => plan.buffers.filter((b) => b.space === space).map((b) => b.name);
  return {
    bytes: withHeader(plan, bound, stages, content),
    parameters: named("parameter"),
    scalars: named("scalar"),
    inputs: bound.inputs.map(({ attrs }) => attrs.name),
    translations: bound.translations.map(({ attrs }) => attrs.name),
    outputs: [...plan.graph.outputs].map(([name, tensor]) => ({
      name,
      width: width(tensor),
      per: isRow(tensor) ? "row" : "step",
    })),
    maxBatch: plan.maxBatch,
  };
}

/** The equations for what the caller binds by name, in section order. */
interface BoundNodes {
  readonly inputs: readonly Node[];
  readonly translations: readonly Node[];
}

function boundNodes({ nodes }: Graph): BoundNodes {
  const binding = (what: string): Node[] => nodes.filter((node) => node.op.binds === what);
  return { inputs: binding("input"), translations: binding("translation") };
}

/** The first attribute of an instruction bound by the caller: its index in the section. */
function bindingOf(node: Node, { inputs, translations }: BoundNodes): number[] {
  if (node.op.binds === "input") return [inputs.indexOf(node)];
  return node.op.binds === "translation" ? [translations.indexOf(node)] : [];
}

/** The sequences of the inputs, in the order of their first columns, which number them. */
function sequencesOf({ inputs }: BoundNodes): readonly string[] {
  return [...new Set(inputs.flatMap(({ attrs }) => attrs.type.entries ?? []))];
}

interface InstructionStage {
  readonly kind: Stage["kind"];
  readonly domain: Stage["domain"];
  readonly phase: number;
  readonly instructions: readonly Instruction[];
}

/** The stages as lists of instructions. An empty one is the barrier between phases of tiles that follow one another. */
function lowerStages(plan: Plan, bound: BoundNodes): InstructionStage[] {
  const stages = plan.stages.map(({ kind, domain, phase, steps }) => ({
    kind,
    domain,
    phase,
    instructions: steps.flatMap((step) => lower(step, plan, bound)),
  }));
  const full = stages.filter((stage) => stage.instructions.length > 0);
  return full.flatMap((stage, i) => {
    const next = full[i + 1];
    const isLast = stage.kind === "tile" && next?.kind === "tile" && next.phase > stage.phase;
    return isLast ? [stage, { ...stage, kind: "fixed", instructions: [] }] : [stage];
  });
}

/** The sections after the header: buffers, inputs, outputs, instructions, stages. */
function writeContent(plan: Plan, bound: BoundNodes, stages: readonly InstructionStage[]): Uint8Array {
  const out = new ProgramWriter();
  const indexOf = new Map(plan.buffers.map((buffer, i) => [buffer, i]));
  for (const buffer of plan.buffers) writeBuffer(out, buffer);
  for (const node of bound.inputs) writeInput(out, node);
  for (const { attrs } of bound.translations) {
    out.string(attrs.name);
    out.u64(attrs.rows);
  }
  for (const [name, tensor] of plan.graph.outputs) {
    out.string(name);
    writeOperand(out, plan.views.get(tensor)!, indexOf);
  }
  for (const { instructions } of stages) {
    for (const instruction of instructions) writeInstruction(out, instruction, indexOf);
  }
  let first = 0;
  const sequences = sequencesOf(bound);
  for (const { kind, domain, instructions } of stages) {
    const sequence = kind === "tile" ? sequences.indexOf(domain) : -1;
    out.u32(
      sequence < 0 ? STAGE_KINDS[kind] : ENTRIES_STAGE,
      Math.max(0, sequence),
      first,
      instructions.length,
    );
    first += instructions.length;
  }
  return out.finish();
}

function withHeader(
  plan: Plan,
  bound: BoundNodes,
  stages: readonly InstructionStage[],
  content: Uint8Array,
): Uint8Array {
  const { buffers, graph, arenas } = plan;
  const instructions = stages.reduce((count, stage) => count + stage.instructions.length, 0);
  const out = new ProgramWriter();
  out.u32(MAGIC, VERSION, HEADER_BYTES + content.length, crc32(content));
  out.u32(plan.maxBatch, plan.tileRows, plan.groups, plan.tilesAtOnce);
  const { inputs, translations } = bound;
  out.u32(buffers.length, inputs.length, translations.length, graph.outputs.size);
  out.u32(instructions, stages.length);
  out.u64(arenas.fixed, arenas.partial, arenas.tile, arenas.batch);
  out.bytes(content);
  return out.finish();
}

/** The instructions of one step: usually one; none for sources and for concatenations written in place. */
function lower(step: Step, plan: Plan, bound: BoundNodes): Instruction[] {
  const { node } = step;
  const view = (tensor: Tensor): View => plan.views.get(tensor)!;
  const partial = (tensor: Tensor): View => plan.partials.get(tensor)!;
  if (step.kind === "combine") {
    const operands = [...node.outputs.map(partial), ...node.outputs.map(view)];
    return [{ opcode: combine.opcode, operands, attributes: combine.encode(node.op.combine!) }];
  }
  if (node.op.joins) return copyParts(node, plan);
  const reduces = executionOf(node) === "reduces";
  const operands = [
    ...node.inputs.map(node.op.folds ? partial : view),
    ...node.outputs.map(reduces ? partial : view),
  ];
  const attributes = [...bindingOf(node, bound), ...(node.op.encode?.(node) ?? [])];
  return [{ opcode: node.op.opcode, operands, attributes }];
}

/** One copy per part of a concatenation that its producer could not write in place. */
function copyParts(node: Node, plan: Plan): Instruction[] {
  const [result] = node.outputs;
  const target = plan.views.get(result)!;
  let offset = 0;
  return node.inputs.flatMap((part) => {
    const start = offset;
    offset += width(part);
    if (isInPlace(part, result, start, plan.views)) return [];
    const size = width(part);
    const from = { ...plan.views.get(part)!, dims: [size] };
    const to = { buffer: target.buffer, offset: target.offset + start, dims: [size] };
    return [{ opcode: node.op.opcode, operands: [from, to], attributes: [] }];
  });
}

function writeBuffer(out: ProgramWriter, { space, dtype, width, offset, name }: Buffer): void {
  out.u32(SPACES[space], DTYPES[dtype]);
  out.u64(width, offset);
  out.string(name);
}

function writeInput(out: ProgramWriter, { attrs }: Node): void {
  const { name, type, limit, mask } = attrs as InputAttrs;
  out.string(name);
  out.u32(DTYPES[type.dtype as DType], type.dtype === "fp32" ? width(type) : 1);
  out.u64(limit === KEYS ? 0 : limit);
  out.string(type.entries ?? "");
  out.u64(mask ? maskedBelow(mask) : 0);
  out.u32(mask?.stream ?? 0);
}

function writeInstruction(
  out: ProgramWriter,
  { opcode, operands, attributes }: Instruction,
  indexOf: ReadonlyMap<Buffer, number>,
): void {
  out.u32(opcode, operands.length, attributes.length);
  for (const operand of operands) writeOperand(out, operand, indexOf);
  out.f64(...attributes);
}

function writeOperand(
  out: ProgramWriter,
  { buffer, offset, dims }: View,
  indexOf: ReadonlyMap<Buffer, number>,
): void {
  out.u32(indexOf.get(buffer)!);
  out.u64(offset);
  out.u32(dims.length);
  out.u64(...dims);
}
