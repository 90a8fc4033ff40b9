import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { KEYS } from "../src/graph/translation.js";
import { selectBackend } from "../src/saved/backend.js";
import { Parameters } from "../src/train/parameters.js";
import { parametersOf } from "../src/train/step/model-graphs.js";
import { attachMemories } from "../src/train/translations.js";
import type { Figure } from "./figure.js";
import { FIELD, oneTableGraph } from "./one-table.js";
import { residentBytes } from "./resident-bytes.js";

/**
 * Many, so that the memory of JavaScript hardly counts; as many as the index has room for before it doubles. With row 0, arrays are
 * whole pages of 2 MiB.
 */
const ROWS = 2 ** 24 - 1;
const DIM = 8;
/** Bytes of the weights and of the accumulator of Adagrad. */
const [VALUE, STATE] = [4 * DIM, 4 * DIM];
/** Keys that get rows in one call, so that little of what it returns is garbage at the end. */
const PIECE = 1 << 13;

/** Share of the rows that then change their keys, so that there are lists of which to evict next. */
const EVICTED = 1 / 8;
/** Rows of a table before, which gets as many keys, so that the memory of JavaScript and of calls is there. */
const WARM_UP = 2 ** 20;

/** Memory of a full dynamic table, as the operating system counts it. */
export const tableMemory: Figure = {
  title: `resident memory of a full dynamic table of ${ROWS} rows of ${DIM} numbers with Adagrad, without value and state (${VALUE} + ${STATE})`,
  async run() {
    const rows = (["lru", "lfu", "lfuDecay"] as const).map((kind) => {
      bytesOfRow(kind, WARM_UP, ROWS);
      return [
        kind,
        ...bytesOfRow(kind, ROWS, ROWS * (1 + EVICTED)).map((bytes) => (bytes - VALUE - STATE).toFixed(1)),
      ];
    });
    return { head: ["evict", "bytes a row", "while ids lose rows"], rows };
  },
};

/** When the table is full, and after it has got all keys. */
function bytesOfRow(
  kind: "lru" | "lfu" | "lfuDecay",
  capacity: number,
  all: number,
): [full: number, evicting: number] {
  const { backend } = selectBackend();
  const graph = oneTableGraph(DIM, { rows: capacity + 1, translation: { ids: KEYS } });
  const keys = new BigInt64Array(PIECE);
  collectGarbage();
  const before = residentBytes();
  const parameters = new Parameters(backend, parametersOf(graph));
  const evict = kind === "lfuDecay" ? ({ kind, halfLife: 1000 } as const) : { kind };
  const table = backend.translation({ kind: "dynamic", capacity, evict, unknown: "zero" });
  attachMemories(new Map([[FIELD, table]]), parameters.all, 0);
  const insertUpTo = (first: number, end: number): number => {
    for (let next = first; next < end; next += PIECE) {
      const part = keys.subarray(0, end - next);
      part.forEach((_, i) => {
        part[i] = BigInt(next + i) * 0x12345678abcdefn;
      });
      table.insert(part);
    }
    collectGarbage();
    return (residentBytes() - before) / table.statistics().size;
  };
  return [insertUpTo(0, capacity), insertUpTo(capacity, all)];
}

/** The lists of rows that JavaScript has got are not part of the table. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
