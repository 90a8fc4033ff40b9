import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { feedsOf } from "../src/export/onnx/feeds.js";
import type { OnnxLookup, OnnxSource } from "../src/export/onnx/onnx-graph.js";
import { RULES } from "../src/export/onnx/rules.js";
import { openOnnx, scoreOnnx } from "../src/export/onnx/runtime.js";
import { type ParameterValues, writeOnnx } from "../src/export/onnx/write.js";
import { asFp32, type Node } from "../src/graph/op.js";
import type { TranslationSpec } from "../src/graph/translation.js";
import type { OpKind } from "../src/ops/index.js";
import { inPrecision } from "../src/passes/precision.js";
import { parametersOf } from "../src/train/step/model-graphs.js";
import { evaluateDouble, toFloat64 } from "./evaluation.js";
import { OP_CASES } from "./op-cases.js";
import { type Example, Scene } from "./scene.js";

/* Every rule of the ONNX target, run by onnxruntime, against the reference kernels in float64. */
const runtime = await import("onnxruntime-node").catch(() => undefined);
if (!runtime) console.warn("onnxruntime-node is not installed: exported operations are not tested.");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-onnx-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!runtime)("in onnxruntime, as the reference", () => {
  it.each(Object.keys(RULES) as OpKind[])("%s", (kind) => expectAlike(kind, (example) => example));

  it("linear, with operands rounded to bfloat16", () =>
    expectAlike("linear", (example) => ({ ...example, graph: inPrecision(example.graph, "bf16") })));
});

async function expectAlike(kind: OpKind, change: (example: Example) => Example): Promise<void> {
  const property = fc.asyncProperty(fc.gen(), async (generate) => {
    const scene = new Scene(generate, { rows: rowsOf(generate), largest: 9 });
    scene.data(1); // says how many rows there are
    const example = scene.example(OP_CASES[kind](scene));
    if (example.graph.nodes.every(isExported)) await expectClose(kind, change(example));
  });
  await fc.assert(property, { seed: 3, numRuns: 4, endOnFailure: true });
}

/** Only training measures batches, and gives rows to ids. */
const isExported = ({ op, attrs }: Node): boolean => op.kind in RULES && attrs.admits !== true;

const rowsOf = (generate: fc.GeneratorValue) => generate(fc.integer, { min: 1, max: 20 });

async function expectClose(kind: string, example: Example): Promise<void> {
  const { graph, rows, columns, parameters } = example;
  const path = join(folder, `${kind}.onnx`);
  const source = sourceOf(example);
  await writeOnnx(path, graph, source, valuesOf(example));
  if (process.env.ONNX_DIR) copyFileSync(path, join(process.env.ONNX_DIR, `${kind}.onnx`));
  const results = await scoreOnnx(await openOnnx(path), feedsOf({ rows, columns }, source));
  const expected = evaluateDouble(graph, example, toFloat64(parameters));
  for (const [name, tensor] of graph.outputs) {
    const want = asFp32(expected.get(tensor)!).data;
    const scale = 1 + Math.max(...want.map(Math.abs));
    expect([...results.get(name)!].map((value) => value / scale)).toEqual(
      [...want].map((value) => expect.closeTo(value / scale, 5)),
    );
  }
}

function sourceOf({ columns, translations, graph }: Example): OnnxSource {
  const limits = new Map(graph.nodes.map(({ outputs: [out], attrs }) => [out, attrs.limit as number]));
  const lookups = graph.nodes
    .filter(({ op }) => op.binds === "translation")
    .map(({ attrs: { name }, inputs: [ids] }) => [name, lookupOf(translations.get(name)!, limits.get(ids)!)]);
  const weighted = [...columns].flatMap(([name, column]) =>
    "weights" in column && column.weights ? [name] : [],
  );
  return {
    weighted: new Set(weighted),
    texts: new Map(),
    lookups: new Map(lookups as [string, OnnxLookup][]),
  };
}

/** No id has a row yet where rows go to those that come first. */
function lookupOf(spec: TranslationSpec, ids: number): OnnxLookup {
  const rows = spec.kind === "permutation" ? spec.rows : new Array<number>(ids).fill(0);
  return { kind: "rows", rows: BigInt64Array.from(rows, BigInt) };
}

function valuesOf({ graph, parameters }: Example): ParameterValues {
  const shapes = new Map(parametersOf(graph).map(({ name, shape }) => [name, shape]));
  return {
    shapeOf: (name) => shapes.get(name)!,
    read: (name, from, into) => into.set(parameters.get(name)!.subarray(from, from + into.length)),
  };
}
