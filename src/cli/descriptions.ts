import type { Config } from "../config/config.js";
import type { FittedFeature, FittedFeatures } from "../features/fitted.js";
import { readingOf } from "../features/reading.js";
import { hashSize } from "../features/schema/feature-fields.js";
import { type FeatureConfig, type PlainFeatureConfig, plainOf } from "../features/schema/features.js";
import type { Graph } from "../graph/graph.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { plan } from "../passes/compile.js";
import { emit } from "../passes/emit.js";
import { count } from "../show-value.js";
import { configuredFeatureInfos, fittedFeatureInfos } from "../train/feature-info.js";
import { membersOf } from "../train/member-configs.js";
import { bytesOf, elementsOf } from "../train/parameter-memory.js";
import { inferenceGraph, inputNames, parametersOf, trainingGraph } from "../train/step/model-graphs.js";
import { specOf, trainingSettingsOf } from "../train/step/model-spec.js";
import { fillLines, withCommas } from "./fill-lines.js";
import { bytes } from "./tables.js";
import { table } from "./text-table.js";

/** A model to describe: trained, with fitted features, or only a config before any data is read. */
export interface Description {
  readonly config: Config;
  readonly graph: Graph;
  readonly features?: FittedFeatures;
}

export function describedByConfig(config: Config): Description {
  const features = configuredFeatureInfos(config.features);
  const spec = { ...specOf(config, features), members: membersOf(config.train) };
  return { config, graph: inferenceGraph(spec) };
}

export function trainingGraphOf({ config, features }: Description): Graph {
  const infos = features ? fittedFeatureInfos(features) : configuredFeatureInfos(config.features);
  return trainingGraph(specOf(config, infos), trainingSettingsOf(config));
}

export function featureTable({ config, graph, features }: Description): string {
  const used = new Set(inputNames(graph));
  const rows = config.features.map((feature, i) => [
    used.has(feature.name) ? feature.name : `${feature.name} (unused)`,
    feature.kind,
    columnsOf(feature),
    transformOf(plainOf(feature)),
    features ? rowsOf(features.features[i]) : "",
  ]);
  return table(["feature", "kind", "columns", "from", "table rows"], rows, [1, 2, 3]);
}

function columnsOf(feature: FeatureConfig): string {
  const crossed = feature.kind === "id" ? " x " : ", ";
  return readingOf(feature).columns.join(crossed);
}

function transformOf(feature: PlainFeatureConfig): string {
  if (feature.kind === "number") {
    const { normalize, boundaries } = feature;
    if (boundaries)
      return "quantiles" in boundaries
        ? `up to ${boundaries.quantiles} learned ranges`
        : `${boundaries.length + 1} ranges`;
    return typeof normalize === "string"
      ? normalize
      : (Object.keys(normalize ?? { "no change": 0 })[0] ?? "");
  }
  if (feature.hash !== undefined) return `hash into ${count(hashSize(feature.hash))}`;
  if (feature.dynamic) return `up to ${count(feature.dynamic.capacity)} values at a time`;
  if (feature.buckets !== undefined) return `integers below ${count(feature.buckets)}`;
  const { vocabulary } = feature;
  if (Array.isArray(vocabulary)) return `${vocabulary.length} given values`;
  return vocabulary && "file" in vocabulary ? `values of ${vocabulary.file}` : "learned values";
}

function rowsOf(feature: FittedFeature): string {
  return feature.kind === "number" ? "" : count(feature.rows);
}

/** Names, shapes and sizes of all tables and weights, with totals. */
export function parameterTable({ graph, features }: Description): string {
  const parameters = parametersOf(graph);
  if (!features) return untrainedTable(parameters);
  const rows = parameters.map((attrs) => [
    attrs.name,
    attrs.role,
    attrs.dtype ?? "fp32",
    `[${attrs.shape.join(", ")}]`,
    count(elementsOf(attrs)),
    bytes(bytesOf(attrs)),
  ]);
  const total = (of: (attrs: ParameterAttrs) => number) =>
    parameters.reduce((sum, attrs) => sum + of(attrs), 0);
  rows.push(["total", "", "", "", count(total(elementsOf)), bytes(total(bytesOf))]);
  return table(["name", "role", "dtype", "shape", "elements", "size"], rows, [1, 2]);
}

/** Before any data is read, the rows of the tables are unknown. */
function untrainedTable(parameters: readonly ParameterAttrs[]): string {
  const rows = parameters.map((attrs) => {
    const { name, role, shape, dtype = "fp32" } = attrs;
    if (role === "table") return [name, role, dtype, `[rows, ${shape[1]}]`, ""];
    return [name, role, dtype, `[${shape.join(", ")}]`, count(elementsOf(attrs))];
  });
  return table(["name", "role", "dtype", "shape", "elements"], rows, [1, 2]);
}

/** Stages and memory of the compiled program. */
export function programSummary(graph: Graph, maxBatch: number): string {
  const planned = plan(graph, maxBatch);
  const { stages, arenas, tileRows, groups } = planned;
  const size = emit(planned).bytes.length;
  const lines = stages.map(({ kind, steps }, i) => {
    const names = steps.map(({ kind: stepKind, node }) =>
      stepKind === "combine" ? "combine" : node.op.kind,
    );
    const head = `  ${String(i + 1).padStart(2)} ${kind.padEnd(5)}`;
    return fillLines(head, withCommas(runLengths(names)), INDENT).join("\n");
  });
  const memory = Object.entries(arenas).map(([space, elements]) => `${space} ${bytes(4 * elements)}`);
  return [
    `Program: ${bytes(size)}, batches of up to ${count(maxBatch)} rows, tiles of ${tileRows} rows, ${groups} groups`,
    `Memory: ${memory.join(", ")} (tile: per thread)`,
    "Stages (tile: tiles of rows in parallel, each through all operations; fixed: once per step)",
    ...lines,
  ].join("\n");
}

const INDENT = " ".repeat(11);

/** `embedding x6` for six in a row. */
function runLengths(names: readonly string[]): string[] {
  const runs: { name: string; times: number }[] = [];
  for (const name of names) {
    const last = runs.at(-1);
    if (last?.name === name) last.times++;
    else runs.push({ name, times: 1 });
  }
  return runs.map(({ name, times }) => (times === 1 ? name : `${name} x${times}`));
}
