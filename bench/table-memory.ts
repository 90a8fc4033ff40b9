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

/** Many, so that the memory of JavaScript hardly counts; as many as the index has room for before it doubles. */
const ROWS = 2 ** 24;
const DIM = 8;
/** Bytes of the weights and of the accumulator of Adagrad. */
const [VALUE, STATE] = [4 * DIM, 4 * DIM];
/** Keys that get rows in one call, so that little of what it returns is garbage at the end. */
const PIECE = 1 << 16;

/** Memory of a full dynamic table, as the operating system counts it. */
export const tableMemory: Figure = {
  title: `resident memory of a full dynamic table of ${ROWS} rows of ${DIM} numbers with Adagrad`,
  async run() {
    const rows = (["lru", "lfu"] as const).map((kind) => {
      const bytes = bytesOfRow(kind);
      return [kind, bytes.toFixed(1), (bytes - VALUE - STATE).toFixed(1)];
    });
    return { head: ["evict", "bytes a row", `without value and state (${VALUE} + ${STATE})`], rows };
  },
};

function bytesOfRow(kind: "lru" | "lfu"): number {
  const { backend } = selectBackend();
  const graph = oneTableGraph(DIM, { rows: ROWS + 1, translation: { ids: KEYS } });
  const keys = new BigInt64Array(PIECE);
  collectGarbage();
  const before = residentBytes();
  const parameters = new Parameters(backend, parametersOf(graph));
  const table = backend.translation({ kind: "dynamic", capacity: ROWS, evict: { kind }, unknown: "zero" });
  attachMemories(new Map([[FIELD, table]]), parameters.all, 0);
  for (let first = 0; first < ROWS; first += PIECE) {
    const part = keys.subarray(0, ROWS - first);
    part.forEach((_, i) => {
      part[i] = BigInt(first + i) * 0x12345678abcdefn;
    });
    table.insert(part);
  }
  collectGarbage();
  return (residentBytes() - before) / table.statistics().size;
}

/** The lists of rows that JavaScript has got are not part of the table. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
