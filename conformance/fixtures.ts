import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { SafetensorsFile } from "../src/checkpoint/safetensors-reader.js";
import type { Column } from "../src/columns/columns.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { clipSchema } from "../src/train/step/clip.js";
import { lossSchema } from "../src/train/step/loss/index.js";
import type { ModelSpec, TrainingSettings } from "../src/train/step/model-graphs.js";
import { l2Schema, optimizerSchema } from "../src/train/step/optimizers.js";

/** The fixtures that make_fixtures.py writes. */
const path = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

interface RunSpec {
  readonly dense: unknown;
  readonly embedding: unknown;
  readonly overrides?: readonly unknown[];
  readonly l2: unknown;
  readonly loss?: unknown;
  readonly clip?: unknown;
  readonly average?: { readonly decay: number };
}
interface Specs {
  readonly rows: number;
  readonly batch: number;
  readonly steps: number;
  readonly runs: Readonly<Record<string, RunSpec>>;
  readonly models: Readonly<
    Record<
      string,
      { model: unknown; features: readonly FeatureInfo[]; weighted?: boolean; runs: readonly string[] }
    >
  >;
}

export const SPECS: Specs = JSON.parse(await readFile(path("specs.json"), "utf8"));

/** What PyTorch computed for one model. */
export interface Fixture {
  readonly spec: ModelSpec;
  readonly weighted: boolean;
  readonly columns: ReadonlyMap<string, Column>;
  /** Every tensor of the file, as make_fixtures.py names them. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

const fixtures = new Map<string, Promise<Fixture>>();

/** Reads a fixture once for all backends and runs. */
export function readFixture(name: string): Promise<Fixture> {
  const fixture = fixtures.get(name) ?? readTensors(name);
  fixtures.set(name, fixture);
  return fixture;
}

async function readTensors(name: string): Promise<Fixture> {
  const { model, features, weighted = false } = SPECS.models[name];
  const file = await SafetensorsFile.open(path(`${name}.safetensors`));
  try {
    const read = async (key: string) => (await file.read(key)) as Float32Array & Int32Array;
    const tensors = new Map<string, Float32Array & Int32Array>();
    for (const key of file.tensors.keys()) tensors.set(key, await read(key));
    return {
      spec: { model: modelSchema.parse(model), features },
      weighted,
      columns: columnsOf(tensors, features),
      tensors,
    };
  } finally {
    await file.close();
  }
}

/** The training settings of a run, as a config gives them. */
export function runOptions(run: string): Omit<TrainingSettings, "weighted"> {
  const { dense, embedding, overrides = [], l2, loss, clip, average } = SPECS.runs[run];
  return {
    optimizers: optimizerSchema.parse({ dense, embedding, overrides }),
    l2: l2Schema.parse(l2),
    loss: loss === undefined ? undefined : lossSchema.parse(loss),
    clip: clip === undefined ? undefined : clipSchema.parse(clip),
    average,
  };
}

function columnsOf(
  tensors: ReadonlyMap<string, Float32Array & Int32Array>,
  features: readonly FeatureInfo[],
): Map<string, Column> {
  const columns = new Map<string, Column>();
  const number = (name: string, width: number): void => {
    const data = tensors.get(`data/${name}`);
    if (data) columns.set(name, { kind: "number", data, offset: 0, stride: width, width });
  };
  number("@label", 1);
  number("@weight", 1);
  for (const feature of features) {
    const { name } = feature;
    if (feature.kind === "number") number(name, feature.width);
    else if (feature.kind === "id") {
      columns.set(name, { kind: "id", data: tensors.get(`data/${name}`)!, offset: 0, stride: 1 });
    } else {
      const offsets = BigUint64Array.from(tensors.get(`data/${name}/offsets`)!, BigInt);
      const values = tensors.get(`data/${name}/values`)!;
      columns.set(name, { kind: "ids", values, offsets, weights: tensors.get(`data/${name}/weights`) });
    }
  }
  return columns;
}
