import { expect, it } from "vitest";
import { memoryOf } from "../src/backends/testing.js";
import type { Column } from "../src/columns/columns.js";
import { GraphBuilder } from "../src/graph/graph.js";
import { embedFeature, partName, partsOf } from "../src/layers/composed-embedding.js";
import { COMPOSITIONS, type Composition } from "../src/layers/embedding-layer.js";
import { Scope } from "../src/layers/scope.js";
import { input } from "../src/ops/sources.js";
import { translateIds } from "../src/passes/translate-ids.js";
import { parametersOf } from "../src/train/step/model-graphs.js";
import { BACKENDS } from "./backends.js";

/** Compositional embeddings against their formula, for one id and for weighted lists. */

const [ROWS, IDS] = [6, 23];
/** Numbers without a pattern, in [-1, 1). */
const numbers = (length: number, salt: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => ((((i + 1) * 7919 * salt) % 2000) - 1000) / 1000);
const ids = Int32Array.from({ length: ROWS * 2 }, (_, i) => (i * i * 7 + 3) % IDS);
const weights = numbers(ROWS * 2, 3);
const offsets = BigUint64Array.from({ length: ROWS + 1 }, (_, b) => BigInt(2 * b));
const COLUMNS: Record<"id" | "ids", Column> = {
  id: { kind: "id", data: ids, offset: 0, stride: 2 },
  ids: { kind: "ids", values: ids, offsets, weights },
};

function embedded(
  use: (typeof BACKENDS)[number]["use"],
  kind: "id" | "ids",
  composition: Composition,
  dim: number,
) {
  const backend = use();
  const g = new GraphBuilder();
  const [x] = g.apply(input, [], { name: "x", type: { dtype: kind, shape: ["B"] }, limit: IDS });
  const feature = { kind, table: "t", rows: IDS, composition };
  g.output("y", embedFeature(Scope.root(g, "inference"), x, feature, dim));
  const graph = translateIds(g.finish(), { admits: false });
  const values = parametersOf(graph).map(
    ({ name, shape }, i) => [name, numbers(shape[0] * shape[1], 5 + 6 * i)] as const,
  );
  const translations = Object.values(partsOf(IDS)).map(
    (part) => [partName("t", part.kind), backend.translation(part)] as const,
  );
  const parameters = new Map(values.map(([name, each]) => [name, memoryOf(backend, each)]));
  const executable = backend.compile(graph, parameters, {
    maxBatch: ROWS,
    translations: new Map(translations),
  });
  const columns = new Map([["x", COLUMNS[kind]]]);
  const request = {
    columns,
    rows: ROWS,
    start: 0,
    count: ROWS,
    batch: ROWS,
    seed: 0,
    firstStep: 0,
    scalars: new Map(),
  };
  return { y: executable.runSync(request).get("y")!, tables: new Map(values) };
}

/** m = ceil(sqrt(23)) = 5: the vector of id i is made of rows floor(i / 5) and i mod 5. */
function vectorOf(
  tables: ReadonlyMap<string, Float32Array>,
  id: number,
  composition: Composition,
  dim: number,
) {
  const [first, second] = [tables.get("t.quotient.weight")!, tables.get("t.remainder.weight")!];
  const [n, m] = [first.length / 5, second.length / 5];
  const [q, r] = [
    first.subarray(Math.floor(id / 5) * n).subarray(0, n),
    second.subarray((id % 5) * m).subarray(0, m),
  ];
  if (composition === "concat" && dim > 1) return [...q, ...r];
  return [...q].map((value, d) => (composition === "multiply" ? value * r[d] : value + r[d]));
}

const CASES = BACKENDS.slice(0, 2).flatMap(({ name, use }) =>
  COMPOSITIONS.flatMap((composition) => [1, 4, 5].map((dim) => ({ name, use, composition, dim }))),
);

it.each(CASES)("$name: an id's vector of $dim numbers, $composition", ({ use, composition, dim }) => {
  const { y, tables } = embedded(use, "id", composition, dim);
  expect(y.length).toBe(ROWS * dim);
  for (let b = 0; b < ROWS; b++)
    vectorOf(tables, ids[2 * b], composition, dim).forEach((value, d) => {
      expect(y[b * dim + d]).toBeCloseTo(value, 6);
    });
});

it.each(CASES.filter(({ composition }) => composition !== "multiply"))(
  "$name: the weighted sum of a list, $dim numbers, $composition",
  ({ use, composition, dim }) => {
    const { y, tables } = embedded(use, "ids", composition, dim);
    for (let b = 0; b < ROWS; b++) {
      const [one, two] = [2 * b, 2 * b + 1].map((i) =>
        vectorOf(tables, ids[i], composition, dim).map((value) => value * weights[i]),
      );
      one.forEach((value, d) => {
        expect(y[b * dim + d]).toBeCloseTo(value + two[d], 5);
      });
    }
  },
);

it("no two ids have the same parts, and the tables are small", () => {
  for (const size of [1, 2, 3, 10, 99, 100, 101, 4097]) {
    const { quotient, remainder } = partsOf(size);
    const parts = Array.from({ length: size }, (_, id) => [Math.floor(id / quotient.by), id % remainder.by]);
    expect(new Set(parts.map(String)).size).toBe(size);
    expect(Math.max(...parts.map(([q]) => q))).toBeLessThan(quotient.rows);
    expect(Math.max(...parts.map(([, r]) => r))).toBeLessThan(remainder.rows);
    expect(quotient.rows + remainder.rows).toBeLessThanOrEqual(2 * Math.ceil(Math.sqrt(size)));
  }
});
