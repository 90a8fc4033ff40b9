import { type Graph, producers } from "../graph/graph.js";
import type { Attrs, Node, Op } from "../graph/op.js";
import { columnsOf, entriesOf, innerDims, type Tensor, width } from "../graph/tensor.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { concat } from "../ops/concat.js";
import { dotInteraction } from "../ops/dot-interaction.js";
import { linear } from "../ops/linear.js";
import { reshape } from "../ops/reshape.js";
import { type ParameterAttrs, parameter } from "../ops/sources.js";

/** Columns of a weight as a parameter of its own. */
export interface WeightPart {
  readonly attrs: ParameterAttrs;
  /** The weight [N, K], and which of its K columns these are. */
  readonly from: string;
  readonly columns: readonly number[];
}

/** A graph in which linear layers over columns of both kinds are two layers: one over those that are equal in all rows. */
export interface DividedGraph {
  readonly graph: Graph;
  readonly weights: readonly WeightPart[];
  /** The sums over the columns that are equal in all rows, by the parameter that the other layer adds as its bias. */
  readonly sums: ReadonlyMap<string, Tensor>;
}

/** Some columns of a row tensor: a tensor with the same elements, in the order of `columns`. */
interface Piece {
  readonly tensor: Tensor;
  readonly isOnce: boolean;
  readonly columns: readonly number[];
}

/**
 * Divides `fn(x W^T + b)` into `u = x_once W_once^T + b` and `fn(x_each W_each^T + u)`, where x is joined from columns that are equal in
 * all rows and others. Dot products of pairs are such columns where both fields are. Sums have another order afterwards, so that values
 * differ by rounding.
 * @param once the row tensors whose rows are all equal
 */
export function divideLinear(graph: Graph, once: ReadonlySet<Tensor>): DividedGraph {
  const division = new Division(graph, once);
  for (const node of graph.nodes) division.add(node);
  return division.finish();
}

class Division {
  private readonly nodes: Node[] = [];
  private readonly weights: WeightPart[] = [];
  private readonly sums = new Map<string, Tensor>();
  private readonly halves = new Map<Tensor, readonly [Half, Half]>();
  private readonly made: ReadonlyMap<Tensor, Node>;
  private nextId: number;

  constructor(
    private readonly graph: Graph,
    private readonly once: ReadonlySet<Tensor>,
  ) {
    this.made = producers(graph);
    this.nextId = 1 + Math.max(-1, ...[...this.made.keys()].map(({ id }) => id));
  }

  add(node: Node): void {
    const halves = this.isDivisible(node) ? this.halvesOf(node.inputs[0]) : undefined;
    if (halves) this.divide(node, halves);
    else this.nodes.push(node);
  }

  finish(): DividedGraph {
    const { nodes, weights, sums } = this;
    return { graph: { nodes, outputs: this.graph.outputs }, weights, sums };
  }

  /** Layers over entries stay whole: sums of entries are no bias. */
  private isDivisible({ op, inputs: [x, w], outputs }: Node): boolean {
    if (op !== linear || entriesOf(x)) return false;
    return !this.once.has(outputs[0]) && !this.once.has(x) && this.made.get(w)?.op === parameter;
  }

  private divide({ inputs: [, w, b], attrs, outputs }: Node, [once, each]: readonly [Half, Half]): void {
    const { name: from } = this.made.get(w)!.attrs as ParameterAttrs;
    const name = `@once/${this.sums.size}/${from}`;
    const bias = b === undefined ? [] : [b];
    const operands = [once.tensor, this.weight(w, `${name}/once`, once.columns), ...bias];
    const sum = this.apply(linear, operands, { ...attrs, fn: "none" });
    this.sums.set(name, sum);
    const added = this.parameter({ name, shape: [columnsOf(sum)] });
    const inputs = [each.tensor, this.weight(w, `${name}/each`, each.columns), added];
    this.nodes.push({ op: linear as Op, inputs, attrs, outputs });
  }

  private weight(w: Tensor, name: string, columns: readonly number[]): Tensor {
    const from = this.made.get(w)!.attrs as ParameterAttrs;
    const tensor = this.parameter({ name, shape: [from.shape[0], columns.length] });
    this.weights.push({ attrs: this.nodes.at(-1)!.attrs as ParameterAttrs, from: from.name, columns });
    return tensor;
  }

  private parameter(attrs: Pick<ParameterAttrs, "name" | "shape">): Tensor {
    const init = { kind: "constant", value: 0 } as const;
    return this.apply(parameter, [], { ...attrs, role: "dense", init, trainable: false });
  }

  /** The columns that are equal in all rows, and the others; undefined if there are none of a kind. */
  private halvesOf(x: Tensor): readonly [Half, Half] | undefined {
    const known = this.halves.get(x);
    if (known) return known;
    const pieces = this.piecesOf(x);
    const [once, each] = bySide(pieces);
    if (once.length === 0 || each.length === 0) return undefined;
    const halves = [this.join(once), this.join(each)] as const;
    this.halves.set(x, halves);
    return halves;
  }

  private join(pieces: readonly Piece[]): Half {
    const flat = pieces.map(({ tensor }) => this.reshaped(tensor, [width(tensor)]));
    const tensor = flat.length === 1 ? flat[0] : this.apply(concat, flat, {});
    return { tensor, columns: pieces.flatMap(({ columns }) => columns) };
  }

  private piecesOf(tensor: Tensor): readonly Piece[] {
    const node = this.once.has(tensor) ? undefined : this.made.get(tensor);
    if (node?.op === concat) return this.joined(node.inputs);
    if (node?.op === reshape) return this.piecesOf(node.inputs[0]);
    if (node?.op === dotInteraction) return this.pairsOf(node) ?? [this.whole(tensor)];
    return [this.whole(tensor)];
  }

  private whole(tensor: Tensor): Piece {
    return { tensor, isOnce: this.once.has(tensor), columns: range(0, width(tensor)) };
  }

  private joined(parts: readonly Tensor[]): Piece[] {
    let start = 0;
    return parts.flatMap((part) => {
      const from = start;
      start += width(part);
      const moved = (piece: Piece) => ({ ...piece, columns: piece.columns.map((column) => from + column) });
      return this.piecesOf(part).map(moved);
    });
  }

  /** Dot products of two fields that are equal in all rows, of one of them, and of none; undefined if there are no such pairs. */
  private pairsOf({ inputs: [x] }: Node): Piece[] | undefined {
    const [count, dim] = innerDims(x);
    const [once, each] = bySide(this.piecesOf(x)).map((pieces) => this.fieldsOf(pieces, dim));
    if (once.fields.length < 2 || each.fields.length === 0) return undefined;
    const pair = (a: number, b: number) => pairIndex(Math.min(a, b), Math.max(a, b), count);
    const product = this.apply(batchMatmul, [each.tensor, once.tensor], {
      transposeA: false,
      transposeB: true,
    });
    const mixed = each.fields.flatMap((a) => once.fields.map((b) => pair(a, b)));
    const all = [this.within(once, pair, true), { tensor: product, isOnce: false, columns: mixed }];
    return each.fields.length < 2 ? all : [...all, this.within(each, pair, false)];
  }

  private within({ tensor, fields }: Fields, pair: (a: number, b: number) => number, isOnce: boolean): Piece {
    const columns = fields.flatMap((a, i) => fields.slice(i + 1).map((b) => pair(a, b)));
    return { tensor: this.apply(dotInteraction, [tensor], {}), isOnce, columns };
  }

  /** The fields [B, F, D] of some pieces, and their numbers. */
  private fieldsOf(pieces: readonly Piece[], dim: number): Fields {
    const parts = pieces.map(({ tensor }) => this.reshaped(tensor, [width(tensor) / dim, dim]));
    const fields = pieces.flatMap(({ columns }) =>
      columns.filter((_, i) => i % dim === 0).map((at) => at / dim),
    );
    return { tensor: parts.length > 1 ? this.apply(concat, parts, {}) : parts[0], fields };
  }

  private reshaped(tensor: Tensor, dims: readonly number[]): Tensor {
    return innerDims(tensor).join() === dims.join() ? tensor : this.apply(reshape, [tensor], { dims });
  }

  private apply<A extends Attrs>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
    const outputs = op.infer(inputs, attrs).map(({ dtype, shape }) => ({ dtype, shape, id: this.nextId++ }));
    this.nodes.push({ op: op as Op, inputs, attrs, outputs });
    return outputs[0];
  }
}

const bySide = (pieces: readonly Piece[]) =>
  [true, false].map((side) => pieces.filter(({ isOnce }) => isOnce === side));

interface Half {
  readonly tensor: Tensor;
  readonly columns: readonly number[];
}

interface Fields {
  readonly tensor: Tensor;
  readonly fields: readonly number[];
}

const range = (start: number, length: number) => Array.from({ length }, (_, i) => start + i);

/** Of the pair a < b among the pairs of `count` fields, as `dotInteraction` orders them. */
const pairIndex = (a: number, b: number, count: number) => (a * (2 * count - a - 1)) / 2 + (b - a - 1);
