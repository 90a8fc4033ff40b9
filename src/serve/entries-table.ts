import type { Backend, Executable, Memory } from "../backends/backend.js";
import type { BagColumn, Column } from "../columns/columns.js";
import type { OnceEntries } from "../passes/once-entries.js";
import type { TrainedModel } from "../saved/model.js";
import { inputNames } from "../train/step/model-graphs.js";
import { outputsOfPieces } from "./run-model.js";

/** Looks up the entries of a shared sequence once for all items, which then find them by their positions. */
export class EntriesTable {
  /** The column of positions. */
  readonly positions: string;
  readonly tables: ReadonlyMap<string, Memory>;
  private readonly compute: Executable;
  private readonly inputs: readonly string[];
  private readonly allPositions: Int32Array;

  constructor({ graph, positions, tables }: OnceEntries, compile: TrainedModel["compile"], backend: Backend) {
    this.positions = positions;
    this.tables = new Map(
      tables.map(({ name, shape: [room, width] }) => [name, backend.allocate(room * width)]),
    );
    this.compute = compile(graph);
    this.inputs = inputNames(graph);
    this.allPositions = Int32Array.from({ length: tables[0].shape[0] }, (_, i) => i);
  }

  /**
   * Fills the tables.
   * @param columns of one row
   * @returns the positions of its entries
   */
  lookUp(columns: ReadonlyMap<string, Column>): BagColumn {
    const bags = this.inputs.map((name) => [name, columns.get(name) as BagColumn] as const);
    const rows = bags[0][1].values.length;
    const ids = bags.map(([name, { values }]) => [name, idsOf(values)] as const);
    for (const [start, outputs] of outputsOfPieces(this.compute, { rows, columns: new Map(ids) }))
      for (const [name, lines] of outputs) this.write(name, start, lines);
    return {
      kind: "ids",
      values: this.allPositions.subarray(0, rows),
      offsets: BigUint64Array.of(0n, BigInt(rows)),
    };
  }

  private write(name: string, start: number, lines: Float32Array): void {
    const memory = this.tables.get(name)!;
    memory.write(start * (memory.elements / this.allPositions.length), lines);
  }
}

/** Ids of entries as a column with one id a row. */
const idsOf = (data: BagColumn["values"]): Column => ({ kind: "id", data, offset: 0, stride: 1 });
