import type { Backend, DynamicTranslation } from "../backends/backend.js";
import type { Parameter } from "../train/parameters.js";
import { attachMemories } from "../train/translations.js";
import { fieldName, type Workload } from "./workloads.js";

/** The dynamic tables of a workload, by name, in the state of a long training: every id has a row, and none loses it. */
export function dynamicTables(
  backend: Backend,
  { tables }: Workload,
  parameters: readonly Parameter[],
): Map<string, DynamicTranslation> {
  const translations = new Map(
    tables.map((capacity, field) => [
      fieldName(field),
      backend.translation({ kind: "dynamic", capacity, evict: { kind: "never" }, unknown: "zero" }),
    ]),
  );
  attachMemories(translations, parameters, 0);
  tables.forEach((ids, field) => {
    translations.get(fieldName(field))!.insert(BigInt64Array.from({ length: ids }, (_, id) => BigInt(id)));
  });
  return translations;
}
