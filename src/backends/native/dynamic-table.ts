import type { SlotRange } from "../../graph/placement.js";
import type { AdmissionRule, DynamicSpec, EvictionRule } from "../../graph/translation.js";
import type { Addon } from "../../native/addon.js";
import type {
  AttachedRows,
  Draws,
  DynamicTranslation,
  KeysWithRows,
  Memory,
  SavedTranslation,
  TableStatistics,
} from "../backend.js";
import {
  checkDynamicSpec,
  codeOfAdmission,
  codeOfEviction,
  expectedKeys,
  initOfUnknown,
} from "../dynamic-spec.js";
import { fillOf, type NativeMemory, numbersOfColumns } from "./memory.js";
import { NativeTranslation } from "./translation.js";

/** A dynamic table of the native core (native/runtime/dynamic/). */
export class NativeDynamicTable extends NativeTranslation implements DynamicTranslation {
  constructor(
    addon: Addon,
    private readonly spec: DynamicSpec,
    draws: Draws,
    slots?: SlotRange,
  ) {
    const settings = [
      ...settingsOf(checkDynamicSpec(spec), draws),
      Number(slots !== undefined),
      ...(slots ?? [0, 0]),
    ];
    super(addon, addon.makeDynamic(Float64Array.from(settings)), spec.capacity + 1);
  }

  attach(memory: Memory, rows: AttachedRows): void {
    const { init, seed, stream, weights } = rows;
    const fills = [...fillOf(init), ...fillOf(initOfUnknown(this.spec, rows))];
    const settings = [...numbersOfColumns(rows), Number(weights), ...fills, seed, stream];
    this.addon.attachMemory(this.handle, (memory as NativeMemory).handle, Float64Array.from(settings));
  }

  insert(keys: BigInt64Array): Float64Array {
    return this.addon.insertKeys(this.handle, keys);
  }

  erase(keys: BigInt64Array): void {
    this.addon.eraseKeys(this.handle, keys);
  }

  keys(): KeysWithRows {
    const [keys, rows, scores] = this.addon.listKeys(this.handle);
    return { keys, rows, scores };
  }

  saved(): SavedTranslation {
    const [state, rows] = this.addon.saveKeys(this.handle);
    return { state, rows };
  }

  statistics(): TableStatistics {
    const [size, admitted, evicted, lookups, hits, rejected] = this.addon.tableStatistics(this.handle);
    return { size, capacity: this.spec.capacity, admitted, evicted, lookups, hits, rejected };
  }
}

/** As native/binding/translations.cc reads them. */
function settingsOf({ capacity, growFrom, admit, evict, unknown }: DynamicSpec, draws: Draws): number[] {
  return [
    capacity,
    growFrom ?? Math.min(1024, capacity),
    ...admissionOf(capacity, admit),
    ...evictionOf(evict),
    Number(unknown === "shared"),
    draws.seed,
    draws.stream,
  ];
}

function admissionOf(
  capacity: number,
  admit?: AdmissionRule,
): [code: number, number: number, expect: number] {
  const code = codeOfAdmission(admit);
  if (admit === undefined) return [code, 0, 0];
  if ("probability" in admit) return [code, admit.probability, 0];
  return [code, admit.count, expectedKeys(admit, capacity)];
}

function evictionOf(evict: EvictionRule): [code: number, number: number, every: number] {
  const code = codeOfEviction(evict);
  if (evict.kind === "lfuDecay") return [code, evict.halfLife, 0];
  if (evict.kind === "age") return [code, evict.steps, 0];
  return evict.kind === "norm" ? [code, evict.below, evict.every] : [code, 0, 0];
}
