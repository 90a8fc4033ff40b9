import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeCheckpoint } from "../checkpoint/index.js";
import type { FittedFeatures } from "../features/fitted.js";
import { type InitializeFrom, initializeFrom } from "./initialize-from.js";
import type { Parameter } from "./parameters.js";

const run = mkdtempSync(join(tmpdir(), "pairloom-initialize-"));
afterAll(() => rmSync(run, { recursive: true, force: true }));

const features = (city: string[]): FittedFeatures => ({
  version: 1,
  features: [],
  vocabularies: { city },
});
const tensor = (shape: number[], values: number[]) =>
  ({ dtype: "F32", shape, data: Float32Array.from(values) }) as const;

/** A parameter of this model, initialised to -1. */
function parameter(name: string, ...shape: number[]): Parameter {
  const role = name.startsWith("embeddings.") ? "table" : "dense";
  const init = { kind: "constant", value: -1 } as const;
  const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(-1);
  return { attrs: { name, shape, role, init, trainable: true }, data };
}

beforeAll(async () => {
  await writeCheckpoint(run, {
    step: 7,
    epoch: 1,
    epochStep: 0,
    seed: 1,
    reader: {},
    trainer: {},
    config: {},
    features: features(["paris", "rome"]),
    metrics: {},
    model: new Map([
      // Rows: paris, rome, unknown, missing.
      ["embeddings.city.weight", tensor([4, 2], [1, 2, 3, 4, 5, 6, 7, 8])],
      ["mlp.0.weight", tensor([1, 2], [10, 20])],
      ["mlp.0.bias", tensor([1], [30])],
    ]),
    optimizer: new Map(),
  });
});

const from = (map: InitializeFrom["map"] = {}) => ({ run, map });
const here = features(["rome", "oslo"]);

describe("initializeFrom", () => {
  it("copies what has the same name, and names what has not", async () => {
    const parameters = [parameter("mlp.0.weight", 1, 2), parameter("output.bias", 1)];
    const { matched, unmatched } = await initializeFrom(from(), parameters, here);
    expect(matched).toEqual(["mlp.0.weight"]);
    expect(unmatched).toEqual(["output.bias"]);
    expect([...parameters[0].data, ...parameters[1].data]).toEqual([10, 20, -1]);
  });

  it("copies a table of learnt values value by value", async () => {
    const table = parameter("embeddings.city.weight", 4, 2);
    await initializeFrom(from(), [table], here);
    // rome from its row there, oslo as initialised, then unknown and missing.
    expect([...table.data]).toEqual([3, 4, -1, -1, 5, 6, 7, 8]);
  });

  it("maps names by regular expressions, and leaves out what maps to nothing", async () => {
    const parameters = [parameter("deep.0.weight", 1, 2), parameter("deep.0.bias", 1)];
    const map = { "deep\\..*\\.bias": "", "deep\\.(.*)": "mlp.$1" };
    const { matched } = await initializeFrom(from(map), parameters, here);
    expect(matched).toEqual(["deep.0.weight"]);
    expect([...parameters[0].data]).toEqual([10, 20]);
    expect([...parameters[1].data]).toEqual([-1]);
  });

  it("refuses a mapped name that is missing there, another shape, and no match at all", async () => {
    const weight = parameter("mlp.0.weight", 1, 2);
    await expect(initializeFrom(from({ "mlp\\.(.*)": "deep.$1" }), [weight], here)).rejects.toThrow(
      /mapped name[\s\S]*mlp\.0\.weight -> deep\.0\.weight/,
    );
    await expect(initializeFrom(from(), [parameter("mlp.0.weight", 2, 2)], here)).rejects.toThrow(
      /another shape[\s\S]*\[1, 2\][\s\S]*\[2, 2\]/,
    );
    await expect(initializeFrom(from(), [parameter("final.0.weight", 1, 2)], here)).rejects.toThrow(
      /no parameter of the model is in the checkpoint/,
    );
    const nowhere = { run: join(run, "nowhere"), map: {} };
    await expect(initializeFrom(nowhere, [weight], here)).rejects.toThrow(/initializeFrom\.run/);
  });
});
