import type { Apply, RangeGradient } from "../graph/op.js";
import { columnsOf, innerDims, type Tensor } from "../graph/tensor.js";
import { concat } from "../ops/concat.js";
import { constantRows } from "../ops/constant-rows.js";

/**
 * The gradients of ranges of a row tensor, as gradients of the whole tensor with zeros between the ranges: one, or several where
 * ranges overlap. So n ranges that share a tensor cost its size once, and not n times.
 */
export function joinRanges(whole: Tensor, ranges: readonly RangeGradient[], apply: Apply): Tensor[] {
  const layers: RangeGradient[][] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const free = layers.find((layer) => endOf(layer.at(-1)!) <= range.start);
    if (free) free.push(range);
    else layers.push([range]);
  }
  return layers.map((layer) => joined(whole, layer, apply));
}

const endOf = ({ start, part }: RangeGradient): number => start + columnsOf(part);

function joined(whole: Tensor, layer: readonly RangeGradient[], apply: Apply): Tensor {
  const [columns, ...rest] = innerDims(whole);
  const parts: Tensor[] = [];
  let end = 0;
  const fillTo = (start: number) => {
    if (start > end) parts.push(apply(constantRows, [], { value: 0, dims: [start - end, ...rest] })[0]);
  };
  for (const range of layer) {
    fillTo(range.start);
    parts.push(range.part);
    end = endOf(range);
  }
  fillTo(columns);
  return apply(concat, parts, {})[0];
}
