import { executionOf, type Graph } from "../graph/graph.js";
import { isRow, type Tensor } from "../graph/tensor.js";
import type { Place } from "./places.js";
import type { Stage, Step } from "./schedule.js";

/** From `first` to `last`, inclusive. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** When memory is first written and last read, in instructions, in stages, and in times between barriers. */
export interface Life {
  readonly instructions: Span;
  readonly stages: Span;
  /** Tile stages that follow one another have no barrier between them: a thread takes a tile through all. */
  readonly barriers: Span;
}

/** The lifetime of every root. An output lives beyond the last stage. */
export function livesOf(
  graph: Graph,
  stages: readonly Stage[],
  places: ReadonlyMap<Tensor, Place>,
): Map<Tensor, Life> {
  const lives = new Map<Tensor, Life>();
  const barriers = barriersOf(stages);
  const touch = (tensor: Tensor, instruction: number, stage: number): void => {
    const { root } = places.get(tensor)!;
    const life = lives.get(root);
    lives.set(root, {
      instructions: extend(life?.instructions, instruction),
      stages: extend(life?.stages, stage),
      barriers: extend(life?.barriers, barriers[stage]),
    });
  };
  const owned = ownGradients(graph);
  let instruction = 0;
  stages.forEach(({ steps }, stage) => {
    for (const step of steps) {
      for (const tensor of touchedBy(step)) {
        touch(tensor, instruction, stage);
        for (const gradient of owned.get(tensor) ?? []) touch(gradient, instruction, stage);
      }
      instruction++;
    }
  });
  for (const tensor of graph.outputs.values()) touch(tensor, instruction, stages.length);
  for (const node of graph.nodes) {
    if (executionOf(node) === "source" && !isRow(node.outputs[0])) touch(node.outputs[0], 0, 0);
  }
  return lives;
}

/** The gradients of a rank's own rows do not travel: what reads returned sums reads them where they are. */
function ownGradients({ nodes }: Graph): Map<Tensor, readonly Tensor[]> {
  const returns = nodes.filter(({ op }) => op.receives && op.entries === "segments");
  return new Map(returns.flatMap(({ inputs, outputs }) => outputs.map((sums) => [sums, inputs] as const)));
}

/** The barriers before each stage, and before the end. */
function barriersOf(stages: readonly Stage[]): number[] {
  const barriers = [0];
  stages.forEach(({ kind, phase }, i) => {
    const next = stages[i + 1];
    const together = kind === "tile" && next?.kind === "tile" && next.phase === phase;
    barriers.push(barriers[i] + (together ? 0 : 1));
  });
  return barriers;
}

function extend(span: Span | undefined, time: number): Span {
  if (!span) return { first: time, last: time };
  return { first: Math.min(span.first, time), last: Math.max(span.last, time) };
}

function touchedBy({ kind, node }: Step): readonly Tensor[] {
  if (kind === "combine" || node.op.folds) return node.outputs;
  return executionOf(node) === "reduces" ? node.inputs : [...node.inputs, ...node.outputs];
}
