import { MAPPINGS } from "../features/schema/feature-fields.js";
import type { FeatureInput } from "../features/schema/features.js";
import type { Section } from "./section.js";

/**
 * Features whose ids define groups and sessions. An `id_feature` may have several values per row and is then a bag; in this
 * case an additional feature with one id per row is added.
 */
export class IdFeatures {
  readonly #features: FeatureInput[];

  constructor(features: readonly FeatureInput[]) {
    this.#features = [...features];
  }

  /** All features, with those that were added. */
  get features(): readonly FeatureInput[] {
    return this.#features;
  }

  /**
   * Finds the feature with one id per row that has the ids of the feature named by a setting.
   * @throws ImportError if there is no such feature, or it has no ids of its own column
   */
  named(section: Section, setting: string): string {
    const name = section.text(setting) ?? section.missing(setting);
    const feature = this.#features.find((each) => each.name === name);
    if (feature?.kind === "id") return name;
    if (feature?.kind === "ids") return this.#addSingle(feature);
    throw section.error(setting, {
      what: "rows cannot be grouped by this",
      got: feature ? `${name}, a feature of kind "${feature.kind}"` : name,
      expected: "the name of an id_feature",
      next: "Name one, or add it to feature_configs.",
    });
  }

  #addSingle(bag: FeatureInput & { kind: "ids" }): string {
    const name = `${bag.name}_group`;
    if (this.#features.some((each) => each.name === name)) return name;
    const { column = bag.name } = bag;
    const given = MAPPINGS.filter((key) => bag[key] !== undefined).map((key) => [key, bag[key]]);
    this.#features.push({ kind: "id", name, column, ...Object.fromEntries(given) });
    return name;
  }
}
