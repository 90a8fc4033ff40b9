import { describe, expect, it } from "vitest";
import { nativeBackend } from "../backends/native/backend.js";
import { referenceBackend } from "../backends/reference/backend.js";
import { measure, prepareWorkload } from "../bench/measure.js";
import { WORKLOADS, type Workload } from "../bench/workloads.js";
import { type Instruction, type InstructionOperand, loadAddon } from "../native/addon.js";
import { type ProfiledCall, summarize, workOf } from "./profile.js";

const operand = (space: InstructionOperand["space"], dims: number[], name = ""): InstructionOperand => ({
  space,
  dtype: "fp32",
  dims,
  name,
});
const linear = (name: string): Instruction => ({
  name: "linear",
  operands: [operand("tile", [30]), operand("parameter", [20, 30], name), operand("tile", [20])],
  attributes: [0, 0],
});
const combine: Instruction = {
  name: "combine",
  operands: [operand("partial", [100]), operand("fixed", [100])],
  attributes: [0],
};

describe("the summary of profiled calls", () => {
  const call = (nanoseconds: number, times: number[], folding: number, packing: number): ProfiledCall => ({
    nanoseconds,
    profile: {
      instructions: [linear("a.weight"), linear("b.weight"), combine].map((instruction, i) => ({
        instruction,
        nanoseconds: times[i],
      })),
      folding,
      packing,
      tileRows: 16,
      groups: 8,
    },
  });
  const ceilings = { flops: 100e9, bf16Flops: 200e9, memoryBytes: 10e9, cacheBytes: 50e9 };
  const calls = [call(600, [300, 200, 100], 40, 30), call(400, [100, 200, 100], 60, 20)];
  // 40 rows are 3 tiles, and so 3 groups.
  const { lines, ...whole } = summarize(calls, { steps: 5, batch: 40, threads: 2 }, ceilings);

  it("shares out the time of all threads", () => {
    // 2 threads x 1000 ns: 800 for the layers, 200 for combining, 100 for folding, 2 x 50 for packing.
    expect(lines.map(({ op, instructions, share }) => [op, instructions, share])).toEqual([
      ["linear", 2, 0.4],
      ["combine", 1, 0.1],
    ]);
    expect(whole.packing_share).toBeCloseTo(0.05, 12);
    expect(whole.folding_share).toBeCloseTo(0.05, 12);
    expect(whole.outside_share).toBeCloseTo(0.4, 12);
    expect(whole).toMatchObject({ tile_rows: 16, groups: 3, step_us: 0.1 });
  });

  it("gives the rates of all threads together, and how near they are to what holds them back", () => {
    const [layers, fold] = lines;
    // 2 layers x 10 steps x 2*40*20*30 operations in 800 ns of one thread, 400 ns of both.
    expect(layers.gflops_per_s).toBeCloseTo((20 * 48_000) / 400, 9);
    expect(layers.gbytes_per_s).toBeCloseTo((20 * 4 * (40 * 30 + 20 * 30 + 40 * 20)) / 400, 9);
    expect(layers.ceiling_share).toBeCloseTo((20 * 480) / 400, 9); // 480 ns at 100 operations a ns
    expect(layers).toMatchObject({ shapes: "[B,30] [20,30] [B,20]", parameter: "a.weight" });
    // 3 groups of 100 are added up and read, 100 are written, at 50 bytes a ns.
    expect(fold.gflops_per_s).toBeCloseTo((10 * 300) / 100, 9);
    expect(fold.ceiling_share).toBeCloseTo((10 * 32) / 100, 9);
    expect(whole.gflops_per_s).toBeCloseTo((10 * (2 * 48_000 + 300)) / 1000, 9);
  });
});

const small: Workload = { ...WORKLOADS[0], tables: WORKLOADS[0].tables.map(() => 100) };
const settings = { precision: "fp32" as const, batch: 1024, seconds: 0.01, threads: 2, profile: true };

describe.skipIf(!loadAddon().addon)("a profile of the native core", () => {
  const backend = () => nativeBackend(loadAddon().addon!);

  it("counts the operations that the layers of DLRM need", () => {
    const { training } = prepareWorkload(small, backend(), settings);
    const { instructions } = (training as ReturnType<ReturnType<typeof backend>["compile"]>).profile();
    const flops = instructions
      .filter(({ instruction }) => /^(linear|dotInteraction)/.test(instruction.name))
      .reduce((sum, { instruction }) => sum + workOf(instruction, 1, 1).flops, 0);
    const layers = [13, 512, 256, 64, 16, Number.NaN, 351 + 16, 512, 256, 1];
    const products = layers.slice(1).map((units, i) => (units && layers[i] ? units * layers[i] : 0));
    const weights = products.reduce((a, b) => a + b);
    const biases = [512, 256, 64, 16, 512, 256, 1].reduce((a, b) => a + b);
    const slopes = [512, 256, 64, 512, 256].reduce((a, b) => a + b);
    // Forward and both gradients, but for the gradient to the numbers; the dot products of 27 vectors of 16.
    expect(flops).toBe(2 * (3 * weights - 13 * 512) + biases + slopes + 3 * 2 * 351 * 16);
  });

  it("comes with the measurement and adds up", async () => {
    const { profile, ...result } = await measure(small, backend(), settings);
    expect(Object.keys(result)).toEqual([
      ...["workload", "batch", "precision", "tables", "threads"],
      ...["train_samples_per_s", "infer_samples_per_s", "peak_memory_bytes"],
    ]);
    expect(Object.values(profile!.ceilings).every((ceiling) => ceiling > 1e8)).toBe(true);
    for (const { lines, packing_share, folding_share, outside_share } of [profile!.train, profile!.infer]) {
      expect(
        lines.reduce((sum, { share }) => sum + share, packing_share + folding_share + outside_share),
      ).toBeCloseTo(1, 9);
      expect(lines.map(({ share }) => share)).toEqual(lines.map(({ share }) => share).sort((a, b) => b - a));
      expect(lines.find(({ op }) => op === "embedding")?.instructions).toBe(26);
    }
  });
});

it("of the reference backend is refused", async () => {
  await expect(measure(small, referenceBackend, settings)).rejects.toThrow(/only the native core/);
});
