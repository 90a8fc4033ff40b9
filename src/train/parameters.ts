import type { Backend } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { SafetensorsFile } from "../checkpoint/safetensors-reader.js";
import type { TensorSource } from "../checkpoint/safetensors-writer.js";
import { streamOf } from "../layers/scope.js";
import type { ParameterAttrs } from "../ops/sources.js";

interface Parameter {
  readonly attrs: ParameterAttrs;
  readonly data: Float32Array;
}

/** The weights, tables, statistics and optimizer states of a model, in the backend's memory, by name. */
export class Parameters {
  private readonly parameters: ReadonlyMap<string, Parameter>;
  /** What executables bind. */
  readonly arrays: ReadonlyMap<string, Float32Array>;

  /** Memory for every parameter, not yet initialised. */
  constructor(
    private readonly backend: Backend,
    attrs: readonly ParameterAttrs[],
  ) {
    const unique = new Map(attrs.map((each) => [each.name, each]));
    this.parameters = new Map(
      [...unique].map(([name, each]) => [name, { attrs: each, data: backend.allocate(elementsOf(each)) }]),
    );
    this.arrays = new Map([...this.parameters].map(([name, { data }]) => [name, data]));
  }

  /** Starts every parameter anew; its draws are named by the seed and its own name. */
  initialize(seed: number): void {
    for (const { attrs, data } of this.parameters.values()) {
      this.backend.initialize(data, attrs.init, seed, streamOf(attrs.name));
    }
  }

  /** What a checkpoint writes: the model's own parameters, or the optimizer's. */
  sources(part: "model" | "optimizer"): Map<string, TensorSource> {
    return new Map(
      this.of(part).map(({ attrs, data }) => [attrs.name, { dtype: "F32", shape: attrs.shape, data }]),
    );
  }

  /** Reads the model's parameters, and with `optimizer` the optimizer's too. @throws CheckpointError */
  async load(checkpoint: Checkpoint, { optimizer }: { optimizer: boolean }): Promise<void> {
    await this.read(await checkpoint.openModel(), "model");
    if (optimizer) await this.read(await checkpoint.openOptimizer(), "optimizer");
  }

  /** Elements by part, for reports. */
  count(part: "model" | "optimizer"): number {
    return this.of(part).reduce((sum, { data }) => sum + data.length, 0);
  }

  private async read(file: SafetensorsFile, part: "model" | "optimizer"): Promise<void> {
    try {
      for (const { attrs, data } of this.of(part)) await file.readInto(attrs.name, data);
    } finally {
      await file.close();
    }
  }

  private of(part: "model" | "optimizer"): Parameter[] {
    return [...this.parameters.values()].filter(
      ({ attrs }) => (attrs.role === "state") === (part === "optimizer"),
    );
  }
}

function elementsOf({ shape }: ParameterAttrs): number {
  return shape.reduce((product, dim) => product * dim, 1);
}
