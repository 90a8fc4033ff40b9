import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Graph } from "../src/graph/graph.js";
import { asFp32, type Floats, type Op } from "../src/graph/op.js";
import { isRow } from "../src/graph/tensor.js";
import { OPS, type OpKind } from "../src/ops/index.js";
import { inPrecision } from "../src/passes/precision.js";
import { ISAS } from "./backends.js";
import { evaluateDouble, toFloat64 } from "./evaluation.js";
import { type NativeOptions, programOf, runProgram } from "./native-run.js";
import { OP_CASES } from "./op-cases.js";
import { type Example, Scene } from "./scene.js";
import { withGradients } from "./with-gradients.js";

/*
 * The native core against the reference kernels in float64. Operands are at most 1 in magnitude and sums have up to
 * n = 600 terms, so the typical rounding of a float32 sum is sqrt(n) * 2^-24 * sqrt(n) = 4e-5 beside terms that add up
 * to 600, and well under 1e-5 of (1 + the largest element of the tensor). Random inputs are the same on every run: a
 * pre-activation within rounding of relu's corner would rightly differ.
 */
const TOLERANCE = 1e-5;
const RUNS = { seed: 20, numRuns: 10 } as const;

/** Merging the moments of tiles takes differences of means, which make NaN of an infinity. */
const MERGED: ReadonlySet<OpKind> = new Set(["batchMoments", "updateRunning"]);

const kinds = Object.keys(OPS) as OpKind[];

const native = `native ${ISAS.join(", ") || "(needs the native core: npm run build:native)"}`;
const describeNative = describe.skipIf(ISAS.length === 0);

describeNative(`${native} as the reference`, () => {
  it.each(kinds)("%s", (kind) => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const { graph, example, options } = randomCase(kind, generate);
        expectOnEveryIsa(graph, example, options, expectClose);
      }),
      RUNS,
    );
  });

  it.each(kinds)("%s passes on NaN and infinities like the reference", (kind) => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const { graph, example, options } = randomCase(kind, generate, true);
        const classOf = MERGED.has(kind) ? Number.isFinite : numberClass;
        expectOnEveryIsa(graph, example, options, sameClass(classOf));
      }),
      RUNS,
    );
  });
});

const products = kinds.filter((kind) => (OPS[kind] as Op).hasPrecision);

/** On operands that are exact in float32: one that a computation brings between two bfloat16 may go either way. */
describeNative(`${native} in bf16 as the reference`, () => {
  it.each(products)("%s", (kind) => {
    fc.assert(
      fc.property(fc.gen(), fc.boolean(), (generate, special) => {
        const { example, options } = directCase(kind, generate, special);
        const graph = inPrecision(example.graph, "bf16");
        expectOnEveryIsa(graph, example, options, special ? sameClass(numberClass) : expectClose);
      }),
      RUNS,
    );
  });
});

type Options = Omit<NativeOptions, "isa">;

/** How the batch is cut: tiles of few rows, and groups of one tile or several. */
function cut(scene: Scene): Pick<NativeOptions, "geometry" | "tilesAtOnce"> {
  const geometry = { tileRows: scene.pick(1, 5, 32, 64), groups: scene.pick(1, 3, 8, 256) };
  return { geometry, tilesAtOnce: scene.pick(1, 2) };
}

function directCase(kind: OpKind, generate: fc.GeneratorValue, special: boolean) {
  const rows = generate(fc.integer, { min: 1, max: 150 });
  const scene = new Scene(generate, { rows, largest: 24, special });
  const example = scene.example(OP_CASES[kind](scene));
  const options: Options = { threads: 2, ...cut(scene) };
  return { example, options };
}

function randomCase(kind: OpKind, generate: fc.GeneratorValue, special = false) {
  const rows = generate(fc.integer, { min: 1, max: 150 });
  const scene = new Scene(generate, { rows, largest: 24, special });
  const outputs = OP_CASES[kind](scene);
  const differentiable = (OPS[kind] as Op).gradient !== undefined;
  const options: Options = { threads: scene.pick(1, 2), ...cut(scene) };
  if (!differentiable) {
    const example = scene.example(outputs);
    return { graph: example.graph, example, options };
  }
  const loss = isRow(outputs[0]) ? scene.project(outputs) : outputs[0];
  const example = scene.example([loss, ...outputs.filter((tensor) => tensor !== loss)]);
  return { graph: withGradients(example.graph), example, options };
}

type Compare = (name: string, got: Float32Array, expected: Floats) => void;

/** All outputs and, after the step, all parameters. The reference and the program serve every instruction set. */
function expectOnEveryIsa(
  graph: Graph,
  example: Example,
  { threads, ...plan }: Options,
  compare: Compare,
): void {
  const doubles = toFloat64(example.parameters);
  const values = evaluateDouble(graph, example, doubles);
  const outputs = [...graph.outputs].map(
    ([name, tensor]) => [name, asFp32(values.get(tensor)!).data] as const,
  );
  const expected = new Map<string, Floats>([...outputs, ...doubles]);
  const program = programOf(graph, example, plan);
  for (const isa of ISAS) {
    const floats = new Map([...example.parameters].map(([name, array]) => [name, array.slice()]));
    const results = runProgram(program, example, floats, { isa, threads });
    const got = new Map<string, Float32Array>([...results, ...floats]);
    for (const [name, values] of expected) compare(`${name} on ${isa}`, got.get(name)!, values);
  }
}

function expectClose(name: string, got: Float32Array, expected: Floats): void {
  expect(got.length, name).toBe(expected.length);
  let scale = 1;
  for (const value of expected) scale = Math.max(scale, Math.abs(value));
  const bound = TOLERANCE * (1 + scale);
  const bad = got.findIndex((value, i) => !(Math.abs(value - expected[i]) <= bound));
  expect(bad < 0 ? "" : `${name}[${bad}]: ${got[bad]} for ${expected[bad]}, bound ${bound}`).toBe("");
}

function numberClass(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? "finite" : String(value);
}

function sameClass(classOf: (value: number) => unknown): Compare {
  return (name, got, expected) => {
    const bad = got.findIndex((value, i) => classOf(value) !== classOf(expected[i]));
    expect(bad < 0 ? "" : `${name}[${bad}]: ${got[bad]} for ${expected[bad]}`).toBe("");
  };
}
