import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import { valuesOf } from "../backends/testing.js";
import { type TensorSource, writeCheckpoint } from "../checkpoint/index.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { TableDtype } from "../graph/tensor.js";
import { type InitializeFrom, initializeFrom } from "./initialize-from.js";
import type { Parameter } from "./parameters.js";
import { Translations } from "./translations.js";

const run = mkdtempSync(join(tmpdir(), "pairloom-initialize-"));
afterAll(() => rmSync(run, { recursive: true, force: true }));

const features = (city: string[]): FittedFeatures => ({
  version: 2,
  features: [],
  vocabularies: { city },
});
const tensor = (shape: number[], values: number[]) =>
  ({ dtype: "F32", shape, data: Float32Array.from(values) }) as const;

/** A parameter of this model, initialized to -1. */
function parameter(name: string, shape: number[], dtype?: TableDtype): Parameter {
  const role = name.startsWith("embeddings.") ? "table" : "dense";
  const init = { kind: "constant", value: -1 } as const;
  const elements = shape.reduce((product, dim) => product * dim, 1);
  const memory = referenceBackend.allocate(elements, dtype);
  memory.fill(init, 0, 0);
  return { attrs: { name, shape, role, init, trainable: true, dtype }, memory };
}

const valuesIn = ({ memory }: Parameter) => [...valuesOf(memory)];

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
    model: new Map<string, TensorSource>([
      // Rows: paris, rome, unknown, missing.
      ["embeddings.city.weight", tensor([4, 2], [1, 2, 3, 4, 5, 6, 7, 8])],
      ["mlp.0.weight", tensor([1, 2], [10, 20])],
      ["mlp.0.bias", tensor([1], [30])],
      // 1, 1 + 2^-7 and 1.5 in bfloat16; 1, 1 + 2^-10 and -2 in float16.
      ["embeddings.b.weight", { dtype: "BF16", shape: [3, 1], data: Uint16Array.of(0x3f80, 0x3f81, 0x3fc0) }],
      ["embeddings.h.weight", { dtype: "F16", shape: [3, 1], data: Uint16Array.of(0x3c00, 0x3c01, 0xc000) }],
      ["embeddings.seen.weight", tensor([3, 1], [1, 2, 3])],
      ["translations.seen", { dtype: "I64", shape: [2], data: BigInt64Array.of(70n, 5n) }],
      ["embeddings.f.weight", tensor([3, 1], [1 / 3, -65504, 1e-7])],
    ]),
    optimizer: new Map(),
  });
});

const from = (map: InitializeFrom["map"] = {}) => ({ run, map });
const here = features(["rome", "oslo"]);
const noTables = new Translations(referenceBackend, here);

describe("initializeFrom", () => {
  it("copies what has the same name, and names what has not", async () => {
    const parameters = [parameter("mlp.0.weight", [1, 2]), parameter("output.bias", [1])];
    const { matched, unmatched } = await initializeFrom(from(), parameters, here, noTables);
    expect(matched).toEqual(["mlp.0.weight"]);
    expect(unmatched).toEqual(["output.bias"]);
    expect(parameters.flatMap(valuesIn)).toEqual([10, 20, -1]);
  });

  it("copies a table of learnt values value by value", async () => {
    const table = parameter("embeddings.city.weight", [4, 2]);
    await initializeFrom(from(), [table], here, noTables);
    // rome from its row there, oslo as initialized, then unknown and missing.
    expect(valuesIn(table)).toEqual([3, 4, -1, -1, 5, 6, 7, 8]);
  });

  it("reads tables of every dtype into tables of every dtype", async () => {
    const read = async (name: string, dtype?: "fp16" | "bf16"): Promise<number[]> => {
      const table = parameter(`embeddings.${name}.weight`, [3, 1], dtype);
      await initializeFrom(from(), [table], here, noTables);
      return valuesIn(table);
    };
    expect(await read("b")).toEqual([1, 1 + 2 ** -7, 1.5]);
    expect(await read("h")).toEqual([1, 1 + 2 ** -10, -2]);
    expect(await read("b", "bf16")).toEqual([0x3f80, 0x3f81, 0x3fc0]);
    expect(await read("b", "fp16")).toEqual([0x3c00, 0x3c08, 0x3e00]);
    expect(await read("h", "fp16")).toEqual([0x3c00, 0x3c01, 0xc000]);
    expect(await read("h", "bf16")).toEqual([0x3f80, 0x3f80, 0xc000]);
    // 1/3 is 0x3eaaaaab, 65504 is 0x477fe000, 1e-7 is 1.68 times 2^-24.
    expect(await read("f", "fp16")).toEqual([0x3555, 0xfbff, 0x0002]);
    expect(await read("f", "bf16")).toEqual([0x3eab, 0xc780, 0x33d7]);
  });

  it("copies values of a vocabulary into a table of 16-bit numbers", async () => {
    const table = parameter("embeddings.city.weight", [4, 2], "fp16");
    await initializeFrom(from(), [table], here, noTables);
    expect(valuesIn(table)).toEqual([0x4200, 0x4400, 0xbc00, 0xbc00, 0x4500, 0x4600, 0x4700, 0x4800]);
  });

  it("maps names by regular expressions, and leaves out what maps to nothing", async () => {
    const parameters = [parameter("deep.0.weight", [1, 2]), parameter("deep.0.bias", [1])];
    const map = { "deep\\..*\\.bias": "", "deep\\.(.*)": "mlp.$1" };
    const { matched } = await initializeFrom(from(map), parameters, here, noTables);
    expect(matched).toEqual(["deep.0.weight"]);
    expect(valuesIn(parameters[0])).toEqual([10, 20]);
    expect(valuesIn(parameters[1])).toEqual([-1]);
  });

  it("refuses a mapped name that is missing there, another shape, rows of translated ids, and no match at all", async () => {
    const weight = parameter("mlp.0.weight", [1, 2]);
    await expect(initializeFrom(from({ "mlp\\.(.*)": "deep.$1" }), [weight], here, noTables)).rejects.toThrow(
      /mapped name[\s\S]*mlp\.0\.weight -> deep\.0\.weight/,
    );
    await expect(initializeFrom(from(), [parameter("mlp.0.weight", [2, 2])], here, noTables)).rejects.toThrow(
      /another shape[\s\S]*\[1, 2\][\s\S]*\[2, 2\]/,
    );
    await expect(
      initializeFrom(from(), [parameter("final.0.weight", [1, 2])], here, noTables),
    ).rejects.toThrow(/no parameter of the model is in the checkpoint/);
    const translated = parameter("embeddings.seen.weight", [3, 1]);
    await expect(initializeFrom(from(), [translated], here, noTables)).rejects.toThrow(
      /rows of a table[\s\S]*embeddings\.seen\.weight/,
    );
    const nowhere = { run: join(run, "nowhere"), map: {} };
    await expect(initializeFrom(nowhere, [weight], here, noTables)).rejects.toThrow(/initializeFrom\.run/);
  });
});
