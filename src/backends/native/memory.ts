import type { Initializer, RowInitializer } from "../../graph/initializer.js";
import type { Shard } from "../../graph/placement.js";
import type { TableDtype } from "../../graph/tensor.js";
import type { Numbers } from "../../half.js";
import type { Addon, FillSpec, ParameterHandle, Rows } from "../../native/addon.js";
import type { AttachedRows, ChangeConsumer, Memory } from "../backend.js";

/** Memory of the native core. Freed when neither this object nor an executable refers to it. */
export class NativeMemory implements Memory {
  constructor(
    private readonly addon: Addon,
    readonly handle: ParameterHandle,
    readonly elements: number,
    readonly dtype: TableDtype,
  ) {}

  read(from: number, into: Numbers): void {
    this.addon.readParameter(this.handle, from, into);
  }

  write(from: number, values: Numbers): void {
    this.addon.writeParameter(this.handle, from, values);
  }

  gather(rows: Rows, width: number, from: number, into: Numbers): void {
    this.addon.gatherParameter(this.handle, rows, width, from, into);
  }

  scatter(rows: Rows, width: number, values: Numbers): void {
    this.addon.scatterParameter(this.handle, rows, width, values);
  }

  trackChanges(width: number): void {
    this.addon.trackChanges(this.handle, width);
  }

  readChanges(from: number, into: Uint8Array): void {
    this.addon.readChanges(this.handle, from, into);
  }

  clearChanges(consumer: ChangeConsumer): void {
    this.addon.clearChanges(this.handle, consumer);
  }

  copyFrom(source: Memory): void {
    this.addon.copyParameter(this.handle, (source as NativeMemory).handle);
  }

  fill(init: Initializer, seed: number, stream: number, shard?: Shard): void {
    if (init.kind === "values") this.write(0, Float32Array.from(init.values));
    else this.addon.fillParameter(this.handle, { ...numbersOfInitializer(init), seed, stream }, shard);
  }
}

const FILL_CODES = { constant: 0, uniform: 1, normal: 2 } as const;

/** Initial values among the settings of a call (native/binding/settings.h). */
export function fillOf(init: RowInitializer): [code: number, a: number, b: number] {
  const { kind, a, b } = numbersOfInitializer(init);
  return [FILL_CODES[kind], a, b];
}

/** Columns of rows of a width among the settings of a call; default all. */
export function numbersOfColumns({
  width,
  columns = [0, width],
}: Pick<AttachedRows, "width" | "columns">): number[] {
  return [...columns, width];
}

function numbersOfInitializer(init: RowInitializer): Pick<FillSpec, "kind" | "a" | "b"> {
  if (init.kind === "constant") return { kind: init.kind, a: init.value, b: 0 };
  if (init.kind === "uniform") return { kind: init.kind, a: init.low, b: init.high };
  return { kind: init.kind, a: init.mean, b: init.std };
}
