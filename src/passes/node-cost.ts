import type { Cost, Node } from "../graph/op.js";
import { innerDims, isBag, isId, isRow, type Tensor } from "../graph/tensor.js";

/** What an equation declares that it costs for so many rows. */
export function costOf(node: Node, rows: number): Cost {
  const { op, inputs, outputs } = node;
  const shapes = [...inputs, ...outputs].map((tensor) => operandShape(tensor, rows));
  return op.cost({ shapes, attributes: op.encode?.(node) ?? [] });
}

/** Of an operand. A bag counts as one id, and a sequence as one entry. */
function operandShape(tensor: Tensor, rows: number): number[] {
  if (isId(tensor.dtype) || isBag(tensor.dtype)) return [rows];
  return isRow(tensor) ? [rows, ...innerDims(tensor)] : (tensor.shape as number[]);
}
