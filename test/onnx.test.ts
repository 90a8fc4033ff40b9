import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Memory } from "../src/backends/backend.js";
import { referenceBackend } from "../src/backends/reference/backend.js";
import type { Column } from "../src/columns/columns.js";
import type { Config } from "../src/config/config.js";
import { compileToOnnx } from "../src/export/onnx/compile.js";
import { feedsOf } from "../src/export/onnx/feeds.js";
import type { OnnxSource } from "../src/export/onnx/onnx-graph.js";
import { openOnnx, scoreOnnx } from "../src/export/onnx/runtime.js";
import { type ParameterValues, writeOnnx } from "../src/export/onnx/write.js";
import { labelNames } from "../src/features/targets.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import { embedding } from "../src/ops/embedding.js";
import { input, parameter } from "../src/ops/sources.js";
import { logitsOf } from "../src/serve/run-model.js";
import { Parameters } from "../src/train/parameters.js";
import { inferenceGraph, LOGITS, parametersOf } from "../src/train/step/model-graphs.js";
import { specOf } from "../src/train/step/model-spec.js";
import { columnsOf, infos, MODEL_KINDS, pick, ROWS, randomConfig } from "./random-configs.js";

/*
 * Exported models give the scores of the reference backend in onnxruntime, which is written by others. Where its package is
 * missing, these tests are skipped.
 */
const runtime = await import("onnxruntime-node").catch(() => undefined);
if (!runtime) console.warn("onnxruntime-node is not installed: exported ONNX models are not tested.");

const ZERO = { kind: "constant", value: 0 } as const;
const NOTHING: OnnxSource = { weighted: new Set(), texts: new Map(), lookups: new Map() };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-onnx-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What conformance/check_onnx.py has recorded. */
const CHECKED: { readonly operators: readonly string[] } = JSON.parse(
  readFileSync(new URL("../conformance/fixtures/onnx-checker.json", import.meta.url), "utf8"),
);
/** Where the models are kept for that script. */
const KEPT = process.env.ONNX_DIR;
let made = 0;

describe.skipIf(!runtime)("in onnxruntime", () => {
  it.each(MODEL_KINDS)("%s gives the same logits", async (kind) => {
    const property = fc.asyncProperty(fc.gen(), async (g) => {
      const config = randomConfig(kind, g, pick(g, ["label"], ["click", "buy"]));
      fc.pre(config !== undefined);
      const { graph, parameters, columns } = untrained(config);
      const executable = referenceBackend.compile(graph, parameters, { maxBatch: ROWS });
      const outputs = labelNames(config.data.label).length;
      const expected = logitsOf(executable, { rows: ROWS, columns }, outputs);
      const weighted = [...columns].flatMap(([name, column]) =>
        column.kind === "ids" && column.weights ? [name] : [],
      );
      const source = { ...NOTHING, weighted: new Set(weighted) };
      expectClose(await exportedLogits(graph, source, valuesIn(graph, parameters), columns), expected);
    });
    await fc.assert(property, { seed: 5, numRuns: 3, endOnFailure: true });
  });

  it("reads tensors in a file beside the model", async () => {
    const builder = new GraphBuilder();
    const attrs = { name: "table", shape: [300, 4], role: "table", init: ZERO, trainable: true } as const;
    const [table] = builder.apply(parameter, [], attrs);
    const [ids] = builder.apply(input, [], { name: "id", type: { dtype: "id", shape: ["B"] }, limit: 300 });
    builder.output(LOGITS, builder.apply(embedding, [table, ids], {})[0]);
    const weights = Float32Array.from({ length: 1200 }, (_, i) => i / 7);
    const values: ParameterValues = {
      shapeOf: () => [300, 4],
      read: (_, from, into) => into.set(weights.subarray(from, from + into.length)),
    };
    const id: Column = { kind: "id", data: Int32Array.of(299, 0, 7), offset: 0, stride: 1 };
    const columns = new Map([["id", id]]);
    const logits = await exportedLogits(builder.finish(), NOTHING, values, columns, { inside: 0, rows: 3 });
    expect([...logits]).toEqual([299, 0, 7].flatMap((row) => [...weights.subarray(4 * row, 4 * row + 4)]));
    expect(statSync(join(folder, `model-${made - 1}.onnx.data`)).size).toBe(4800);
  });
});

/** The forward pass with random weights, and random rows. */
function untrained(config: Config) {
  const features = infos(config);
  const graph = inferenceGraph(specOf(config, features));
  const parameters = new Parameters(referenceBackend, parametersOf(graph));
  for (const { attrs, memory } of parameters.all) {
    // Variances are positive.
    const range = attrs.role === "buffer" ? { low: 0.5, high: 2 } : { low: -0.6, high: 0.6 };
    memory.fill({ kind: "uniform", ...range }, 1, attrs.name.length);
  }
  const used = new Set(graph.nodes.map(({ attrs }) => attrs.name));
  const columns = new Map([...columnsOf(features, 1)].filter(([name]) => used.has(name)));
  return { graph, parameters: parameters.memory, columns };
}

function valuesIn(graph: Graph, parameters: ReadonlyMap<string, Memory>): ParameterValues {
  const shapes = new Map(parametersOf(graph).map(({ name, shape }) => [name, shape]));
  return {
    shapeOf: (name) => shapes.get(name)!,
    read: (name, from, into) => parameters.get(name)!.read(from, into),
  };
}

async function exportedLogits(
  graph: Graph,
  source: OnnxSource,
  values: ParameterValues,
  columns: ReadonlyMap<string, Column>,
  { inside, rows = ROWS }: { readonly inside?: number; readonly rows?: number } = {},
): Promise<Float32Array> {
  const path = join(folder, `model-${made++}.onnx`);
  if (!KEPT) expect(CHECKED.operators).toEqual(expect.arrayContaining(operatorsIn(graph, source)));
  await writeOnnx(path, graph, source, values, { inside });
  if (KEPT) for (const file of readdirSync(folder)) copyFileSync(join(folder, file), join(KEPT, file));
  const session = await openOnnx(path);
  return (await scoreOnnx(session, feedsOf({ rows, columns }, source))).get(LOGITS)!;
}

function operatorsIn(graph: Graph, source: OnnxSource): string[] {
  return compileToOnnx(graph, source).graph.nodes.map(({ domain, opType }) => `${domain}:${opType}`);
}

/** To 1e-5 of the largest. */
function expectClose(got: Float32Array, expected: Float32Array): void {
  expect(got).toHaveLength(expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  expect(Math.max(...got.map((value, i) => Math.abs(value - expected[i]))) / scale).toBeLessThan(1e-5);
}
