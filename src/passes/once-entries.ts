import { type Graph, GraphBuilder, producers } from "../graph/graph.js";
import type { Attrs, Node, Op } from "../graph/op.js";
import { columnsOf, type Entries, entriesOf, isRow, type Tensor } from "../graph/tensor.js";
import { embedEntries } from "../ops/embed-entries.js";
import { embedding } from "../ops/embedding.js";
import { input, type ParameterAttrs, parameter } from "../ops/sources.js";
import { translate } from "../ops/translate.js";

/**
 * Values of the entries of a sequence that is the same in all rows, such as the items that the user of a request has clicked.
 * They are looked up once, and every row reads them from a table by the position of the entry.
 */
export interface OnceEntries {
  /** Computes the values, with entries in place of rows: its inputs are columns of the sequence, with one id each. */
  readonly graph: Graph;
  /** The input of the rest that has the positions 0, 1, … of each row's entries. */
  readonly positions: string;
  /** Parameters of the rest [room, D]: the outputs of {@link graph}, by name, have their lines. */
  readonly tables: readonly Pick<ParameterAttrs, "name" | "shape">[];
}

/** What is carried of one sequence. */
interface Carried {
  readonly asRows: AsRows;
  readonly positions: Tensor;
  readonly tables: OnceEntries["tables"][number][];
}

/** Finds values of entries that are computed once, and reads them where they are needed. */
export class EntriesOnce {
  private readonly made: ReadonlyMap<Tensor, Node>;
  private readonly builder: GraphBuilder;
  private readonly carried = new Map<Entries, Carried>();

  /**
   * @param once the tensors that are the same in all rows
   * @param room entries of a row for which tables have room
   */
  constructor(
    private readonly graph: Graph,
    private readonly once: ReadonlySet<Tensor>,
    private readonly room: number,
  ) {
    this.made = producers(graph);
    this.builder = new GraphBuilder(graph);
  }

  /** The equation that reads the tensor from a table; undefined if it is not computed from single entries. */
  read(tensor: Tensor): Node | undefined {
    const sequence = entriesOf(tensor);
    if (sequence === undefined || !this.once.has(tensor) || !this.isOfSingleEntries(tensor)) return undefined;
    const { asRows, positions, tables } = this.of(sequence);
    const name = `${positionsOf(sequence)}/${tables.length}`;
    const shape = [this.room, columnsOf(tensor)];
    const [table] = this.builder.apply(parameter, [], { ...CONSTANT, name, shape });
    asRows.output(name, tensor);
    tables.push({ name, shape });
    return { op: embedEntries as Op, inputs: [table, positions], attrs: {}, outputs: [tensor] };
  }

  /** The sources of what was read: positions of entries, and tables. */
  get sources(): readonly Node[] {
    return this.builder.finish().nodes.slice(this.graph.nodes.length);
  }

  finish(): OnceEntries[] {
    return [...this.carried].map(([sequence, { asRows, tables }]) => {
      return { graph: asRows.finish(), positions: positionsOf(sequence), tables };
    });
  }

  private of(sequence: Entries): Carried {
    const known = this.carried.get(sequence);
    if (known) return known;
    const type = { dtype: "ids", shape: ["B"], entries: sequence } as const;
    const [positions] = this.builder.apply(input, [], {
      name: positionsOf(sequence),
      type,
      limit: this.room,
    });
    const carried = { asRows: new AsRows(this.made), positions, tables: [] };
    this.carried.set(sequence, carried);
    return carried;
  }

  /** True if each line depends on the ids of its entry only. */
  private isOfSingleEntries(tensor: Tensor): boolean {
    const { op, inputs } = this.made.get(tensor)!;
    if (op.binds === "input") return tensor.entries !== undefined;
    const passes = op.entries === "rows" || op === embedEntries || op === translate;
    return passes && inputs.every((operand) => !isRow(operand) || this.isOfSingleEntries(operand));
  }
}

const positionsOf = (sequence: Entries) => `@once/${sequence}`;

const CONSTANT = { role: "table", init: { kind: "constant", value: 0 }, trainable: false } as const;

/** Equations of entries, with rows of a batch in place of entries. */
class AsRows {
  private readonly builder = new GraphBuilder();
  private readonly rows = new Map<Tensor, Tensor>();

  constructor(private readonly made: ReadonlyMap<Tensor, Node>) {}

  output(name: string, tensor: Tensor): void {
    this.builder.output(name, this.of(tensor));
  }

  finish(): Graph {
    return this.builder.finish();
  }

  private of(tensor: Tensor): Tensor {
    const known = this.rows.get(tensor);
    if (known) return known;
    const node = this.made.get(tensor)!;
    const operands = node.inputs.map((operand) => this.of(operand));
    const op = node.op === (embedEntries as Op) ? (embedding as Op) : node.op;
    const results = this.builder.apply(op, operands, ofRows(node));
    node.outputs.forEach((output, i) => void this.rows.set(output, results[i]));
    return this.rows.get(tensor)!;
  }
}

/** An input has one id a row. */
function ofRows({ op, attrs }: Node): Attrs {
  if (op.binds !== "input") return attrs;
  const dtype = attrs.type.dtype === "ids64" ? "id64" : "id";
  return { ...attrs, type: { dtype, shape: ["B"] } };
}
