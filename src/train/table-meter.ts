import type { ModelState } from "./model-state.js";
import { type Before, statisticsOf, tableValues } from "./table-metrics.js";
import { type TierReports, tierReports, tierValues } from "./tier-metrics.js";

/** Measures dynamic tables and tables larger than memory, each time since the measurement before. */
export class TableMeter {
  private tables: Before = new Map();
  private tiers: TierReports = {};

  constructor(private readonly state: Pick<ModelState, "parameters" | "translations">) {}

  /** Measures from now on: what a checkpoint has counted is no part of it. */
  start(): void {
    const { parameters, translations } = this.state;
    this.tables = statisticsOf(translations.dynamic);
    this.tiers = tierReports(parameters.tiers);
  }

  /** The values for the logs; none if there are no such tables. */
  measure(): Record<string, number> {
    const { tables, tiers } = this;
    this.start();
    return { ...tableValues(this.tables, tables), ...tierValues(this.tiers, tiers) };
  }
}
