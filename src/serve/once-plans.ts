import type { RawRow } from "../features/encoder.js";
import type { TrainedModel } from "../saved/model.js";
import { OncePlan } from "./once-plan.js";

/** A service sends few combinations of shared columns. Others are scored as full rows: plans take memory. */
const MOST_PLANS = 16;

/** The plans of a model, each made when its combination of shared columns is first seen. */
export class OncePlans {
  private readonly plans = new Map<string, OncePlan>();

  constructor(private readonly model: TrainedModel) {}

  /** Undefined if there is nothing to compute once, or nothing else. */
  of(shared: RawRow, columns: readonly string[]): OncePlan | undefined {
    const names = Object.keys(shared);
    if (names.length === 0 || names.length === columns.length) return undefined;
    const key = JSON.stringify(names);
    if (!this.plans.has(key) && this.plans.size < MOST_PLANS)
      this.plans.set(key, new OncePlan(this.model, new Set(names)));
    return this.plans.get(key);
  }
}
