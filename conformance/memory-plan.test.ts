import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../src/graph/graph.js";
import { asFp32 } from "../src/graph/op.js";
import { innerDims, isRow, type Tensor, width } from "../src/graph/tensor.js";
import { OPS } from "../src/ops/index.js";
import { simplify } from "../src/passes/compile.js";
import { planMemory, type View } from "../src/passes/memory-plan.js";
import { ISAS } from "./backends.js";
import { evaluateDouble, toFloat64 } from "./evaluation.js";
import { runNative } from "./native-run.js";
import { type Example, Scene } from "./scene.js";
import { withGradients } from "./with-gradients.js";

/*
 * Random graphs of what makes memory plans hard: concatenations of concatenations, parts used twice, slices of parts,
 * reshapes, several readers, outputs in the middle, phases from batch normalization, and the gradients of it all.
 */

function randomGraph(generate: fc.GeneratorValue): Example {
  const scene = new Scene(generate, { rows: generate(fc.integer, { min: 1, max: 70 }), largest: 20 });
  const pool: Tensor[] = [scene.row(scene.size()), scene.row(scene.size())];
  const steps = generate(fc.integer, { min: 3, max: 14 });
  for (let i = 0; i < steps; i++) pool.push(grow(scene, pool));
  const last = pool[pool.length - 1];
  const kept = pool.filter((tensor) => tensor === last || scene.pick(true, false, false));
  const loss = scene.project([last, ...kept]);
  const example = scene.example([loss, ...kept]);
  return { ...example, graph: withGradients(example.graph) };
}

/** One more row tensor [B, n] from those at hand, through one or two random operations. */
function grow(scene: Scene, pool: readonly Tensor[]): Tensor {
  const any = (): Tensor => scene.pick(...pool);
  const x = any();
  const n = width(x);
  switch (
    scene.pick("linear", "concat", "concat", "fields", "slice", "reshape", "multiply", "add", "norm", "wide")
  ) {
    case "linear": {
      const units = scene.size();
      const y = scene.apply(OPS.linear, [x, scene.weight(units, n), scene.weight(units)], { fn: "none" });
      return scene.apply(OPS.activation, [y], { fn: scene.pick("tanh", "sigmoid", "silu") });
    }
    case "concat":
      return shrink(scene, scene.apply(OPS.concat, [x, any(), scene.pick(x, any())], {}));
    case "fields": {
      const fields = [x, x].map((part) => scene.apply(OPS.reshape, [part], { dims: [1, n] }));
      const stacked = scene.apply(OPS.concat, [...fields, scene.row(1, n)], {});
      const picked = scene.apply(OPS.slice, [stacked], { start: scene.pick(0, 1), size: 2 });
      return scene.apply(OPS.reshape, [picked], { dims: [2 * n] });
    }
    case "slice": {
      const size = scene.size(n);
      return scene.apply(OPS.slice, [x], { start: scene.size(n - size + 1) - 1, size });
    }
    case "reshape": {
      const matrix = scene.apply(OPS.reshape, [x], { dims: [1, n] });
      return scene.apply(OPS.factorizationMachine, [scene.apply(OPS.concat, [matrix, matrix], {})], {});
    }
    case "multiply":
      return scene.apply(OPS.multiply, [x, scene.apply(OPS.activation, [x], { fn: "tanh" })], {});
    case "add":
      return scene.apply(OPS.add, [x, x, scene.row(n)], {});
    case "wide":
      return shrink(
        scene,
        scene.apply(OPS.broadcastColumns, [scene.apply(OPS.sumColumns, [x], {})], { columns: 33 }),
      );
    default: {
      const moments = scene.applyAll(OPS.batchMoments, [x], {});
      const operands = [x, ...moments, scene.weight(n), scene.weight(n)];
      return scene.apply(OPS.batchNormalize, operands, { eps: 0.1, training: true });
    }
  }
}

/** Keeps widths and values moderate, so that float32 stays close. */
function shrink(scene: Scene, x: Tensor): Tensor {
  return scene.apply(OPS.activation, [x], { fn: "tanh" });
}

const RUNS = { seed: 7, numRuns: 60 } as const;

describe("memory plan", () => {
  it.runIf(ISAS.length > 0)("does not change a value: random graphs, native against the reference", () => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const example = randomGraph(generate);
        const values = evaluateDouble(example.graph, example, toFloat64(example.parameters));
        const geometry = { tileRows: generate(fc.constantFrom, 3, 32), groups: 3 };
        const options = { isa: ISAS[0], threads: 2, geometry };
        const got = runNative(example.graph, example, example.parameters, options);
        for (const [name, tensor] of example.graph.outputs) {
          const expected = Array.from(asFp32(values.get(tensor)!).data);
          const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
          const bad = expected.findIndex((v, i) => !(Math.abs(got.get(name)![i] - v) <= 2e-5 * (1 + scale)));
          expect(bad < 0 ? "" : `${name}[${bad}]: ${got.get(name)![bad]} for ${expected[bad]}`).toBe("");
        }
      }),
      RUNS,
    );
  });

  it("gives the same bits however many tiles a thread takes at once", () => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const example = randomGraph(generate);
        const geometry = {
          tileRows: generate(fc.constantFrom, 3, 16),
          groups: generate(fc.constantFrom, 2, 64),
        };
        const run = (threads: number, tilesAtOnce: number) =>
          runNative(example.graph, example, example.parameters, {
            isa: ISAS[0],
            threads,
            geometry,
            tilesAtOnce,
          });
        const alone = run(1, 1);
        for (const threads of [1, 3]) expect(run(threads, 2)).toEqual(alone);
      }),
      RUNS,
    );
  });

  it("keeps every view inside its buffer, and every buffer inside its arena", () => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const graph = simplify(randomGraph(generate).graph);
        const plan = planMemory(graph, {
          maxBatch: 70,
          tileRows: 16,
          groups: 4,
          tilesAtOnce: 2,
          alignment: 16,
        });
        const rowsOf = { fixed: 1, partial: 1, tile: 16, batch: 70 } as const;
        for (const [tensor, view] of [...plan.views, ...plan.partials]) {
          const { buffer, offset } = view;
          expect(sizeOf(view)).toBe(width(tensor));
          expect(offset + sizeOf(view)).toBeLessThanOrEqual(buffer.width);
          const { space } = buffer;
          if (
            space === "parameter" ||
            space === "scalar" ||
            space === "exchange" ||
            space === "entries" ||
            space === "tileEntries"
          )
            continue;
          expect(buffer.offset % 16).toBe(0);
          const end = buffer.offset + rowsOf[space] * buffer.width;
          expect(end).toBeLessThanOrEqual(plan.arenas[space]);
        }
      }),
      RUNS,
    );
  });

  it("puts outputs where they outlive the tiles", () => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const graph = simplify(randomGraph(generate).graph);
        const plan = planMemory(graph, {
          maxBatch: 70,
          tileRows: 16,
          groups: 4,
          tilesAtOnce: 2,
          alignment: 16,
        });
        for (const tensor of graph.outputs.values()) {
          const { space } = plan.views.get(tensor)!.buffer;
          expect(space).toBe(isRow(tensor) ? "batch" : "fixed");
        }
      }),
      RUNS,
    );
  });

  it("shows slices and reshapes, and writes a concatenation's parts, in place", () => {
    const g = new GraphBuilder();
    const part = (name: string, n: number): Tensor => {
      const type = { dtype: "fp32", shape: ["B", n] } as const;
      return g.apply(OPS.scale, [g.apply(OPS.input, [], { name, type, limit: 0 })[0]], { factor: 2 })[0];
    };
    const [a, b] = [part("a", 4), part("b", 6)];
    const [joined] = g.apply(OPS.concat, [a, b], {});
    const [matrix] = g.apply(OPS.reshape, [joined], { dims: [5, 2] });
    const [rows] = g.apply(OPS.slice, [matrix], { start: 2, size: 3 });
    const plan = planMemory(g.finish(), {
      maxBatch: 8,
      tileRows: 8,
      groups: 1,
      tilesAtOnce: 1,
      alignment: 16,
    });
    const view = (tensor: Tensor) => plan.views.get(tensor)!;
    expect([a, b, joined, matrix, rows].map((tensor) => view(tensor).offset)).toEqual([0, 4, 0, 0, 4]);
    for (const tensor of [a, b, matrix, rows]) expect(view(tensor).buffer).toBe(view(joined).buffer);
    expect(view(rows).dims).toEqual(innerDims(rows));
  });
});

function sizeOf({ dims }: View): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
