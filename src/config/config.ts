import { z } from "zod";
import { type DataInput, dataSchema } from "../data/data-config.js";
import { ConfigError } from "../errors.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { type ModelInput, modelSchema, type OwnModel, ownModelOf } from "../models/index.js";
import { type FeatureInfo, hasKeys } from "../models/model.js";
import { configuredFeatureInfos } from "../train/feature-info.js";
import { checkAccumulation } from "../train/step/gradient-accumulation.js";
import { factsOf } from "../train/step/loss/index.js";
import { inferenceGraph, type ModelSpec, trainingGraph } from "../train/step/model-graphs.js";
import { specOf, trainingSettingsOf } from "../train/step/model-spec.js";
import { type TrainInput, trainSchema } from "../train/train-config.js";
import { checkLabels } from "./check-labels.js";
import { checkSampleMask } from "./check-sample-mask.js";
import { describeIssues } from "./issues.js";
import { refuseLeaks } from "./label-leak.js";
import { refuseUnsafeTexts } from "./safe-texts.js";
import { type SearchSpaceInput, searchSchema } from "./search-space.js";
import { type Setting, withSettings } from "./settings.js";

export const configSchema = z.strictObject({
  /** Allowed in JSON configs, for editors; not kept. */
  $schema: z.string().optional(),
  /** Where examples come from, how they are split, and which column is the label. */
  data: dataSchema,
  /** How columns become ids and numbers (features.md). */
  features: featuresSchema,
  /** The model, and the features that each of its groups uses. */
  model: modelSchema,
  /** How to train it. */
  train: trainSchema.prefault({}),
  /** What `pairloom search` tries: values by the dotted path of a setting (tune.md). Training ignores it. */
  search: searchSchema.optional(),
});

type ParsedConfig = z.output<typeof configSchema>;

/** A config with every default filled in; plain JSON. */
export type Config = Omit<ParsedConfig, "$schema">;

/** Narrows a model's feature lists to the feature names of the config. */
type NamedBy<T, Name extends string> = T extends string | number | boolean | undefined
  ? T
  : T extends readonly (infer E)[]
    ? readonly NamedBy<E, Name>[]
    : {
        [K in keyof T]: K extends "features"
          ? readonly Name[]
          : K extends "user" | "item"
            ? Name
            : NamedBy<T[K], Name>;
      };

/** A config as written: defaults may be absent; the compiler checks feature names. F: the features, L: the labels. */
export interface ConfigInput<
  F extends readonly FeatureInput[] = readonly FeatureInput[],
  L extends string = string,
> {
  readonly data: Omit<DataInput, "label"> & { readonly label: L | readonly L[] };
  readonly features: F;
  readonly model: NamedBy<ModelInput, F[number]["name"]> | OwnModel;
  readonly train?: TrainInput;
  readonly search?: SearchSpaceInput;
}

/** Types a config. It is validated only when it is used. */
export function defineConfig<const F extends readonly FeatureInput[], const L extends string>(
  config: ConfigInput<F, L>,
): ConfigInput<F, L> {
  return config;
}

/**
 * A config as written with some of its values replaced, such as `{ path: "train.optimizer.embedding.learningRate", value:
 * 0.01 }`.
 * @throws ConfigError for a path that leads nowhere; keys and values are checked when the config is resolved
 */
export function configWith(config: unknown, settings: readonly Setting[]): unknown {
  return withSettings(config, settings, (before) => schemaOf(before).safeParse(before).data);
}

/**
 * Checks a config and fills in the defaults. Builds the model once on empty tables, so that errors only the model can
 * find (names and dims of its groups) are reported before any data is read.
 * @throws ConfigError with the config path, the value found, the value expected and the next step
 */
export function resolveConfig(value: unknown): Config {
  refuseUnsafeTexts(value);
  const schema = schemaOf(value);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new ConfigError(describeIssues(schema, parsed.error.issues, value));
  const { $schema: _, ...config } = parsed.data;
  refuseLeaks(config.data, config.features);
  checkLabels(config);
  const features = configuredFeatureInfos(config.features);
  const spec = specOf(config, features);
  inferenceGraph(spec);
  checkTraining(spec, config);
  checkGroups(config.train, features);
  checkSampleMask(config.train, features);
  return config;
}

function schemaOf(config: unknown): typeof configSchema {
  const own = ownModelOf(config);
  return own ? configSchema.extend({ model: own.schema as typeof modelSchema }) : configSchema;
}

/** Checks that need the graph of the whole step. With keys, building it refuses optimizers that update every row. */
function checkTraining(spec: ModelSpec, config: Pick<Config, "train" | "data">): void {
  if (config.train.gradientAccumulation === 1 && !spec.features.some(hasKeys)) return;
  checkAccumulation(trainingGraph(spec, trainingSettingsOf(config)), config.train);
}

/** Groups and sessions are defined by a feature with one id per row. The loss finds sessions by ids below a limit. */
function checkGroups({ groups, loss }: Config["train"], features: readonly FeatureInfo[]): void {
  const ids = features.filter(({ kind }) => kind === "id");
  const limited = ids.filter((feature) => !hasKeys(feature));
  for (const [where, name, allowed] of [
    ["train.groups.by", groups?.by, ids],
    ["train.loss.session", factsOf(loss).session, limited],
  ] as const)
    if (name !== undefined && !allowed.some((feature) => feature.name === name))
      throw new ConfigError({
        what: "rows cannot be grouped by this feature",
        where,
        got: name,
        expected: `a feature with one id per row${allowed === limited ? " and no dynamic table" : ""}: ${allowed.map((feature) => feature.name).join(", ") || "there is none"}`,
        next: 'Name one, or add it: { kind: "id", name: "user", hash: 1000000 }. The model need not use it.',
      });
}
