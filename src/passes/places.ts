import type { Graph } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { isRow, type Tensor, width } from "../graph/tensor.js";

/** A position in a root tensor's memory. */
export interface Place {
  readonly root: Tensor;
  readonly offset: number;
}

/** The memory of each tensor: its own, its operand's (views), or a concatenation's (parts). */
export function placeTensors(graph: Graph): Map<Tensor, Place> {
  const places = new Map<Tensor, Place>();
  const movedInto = new Map<Tensor, Place>();
  for (const node of graph.nodes) {
    if (node.op.viewOffset) places.set(node.outputs[0], viewPlace(node, places));
    else for (const output of node.outputs) places.set(output, { root: output, offset: 0 });
    if (node.op.joins) placeParts(node, places, movedInto, graph);
  }
  // Moving a root moves all its views; a concatenation may itself be a part of another.
  const settle = ({ root, offset }: Place): Place => {
    const target = movedInto.get(root);
    return target ? settle({ root: target.root, offset: target.offset + offset }) : { root, offset };
  };
  return new Map([...places].map(([tensor, place]) => [tensor, settle(place)]));
}

function viewPlace(node: Node, places: Map<Tensor, Place>): Place {
  const { root, offset } = places.get(node.inputs[0])!;
  return { root, offset: offset + node.op.viewOffset!(node) };
}

/** Moves each part that fills its own memory completely into the concatenation's. */
function placeParts(
  node: Node,
  places: Map<Tensor, Place>,
  movedInto: Map<Tensor, Place>,
  graph: Graph,
): void {
  let offset = 0;
  const outputs = new Set(graph.outputs.values());
  for (const part of node.inputs) {
    const { root } = places.get(part)!;
    const whole = width(part) === width(root);
    if (whole && isRow(root) && !movedInto.has(root) && !outputs.has(root)) {
      movedInto.set(root, { root: node.outputs[0], offset });
    }
    offset += width(part);
  }
}
