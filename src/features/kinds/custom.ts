import { resolve } from "node:path";
import { createJiti } from "jiti";
import { z } from "zod";
import { CheckpointError, ConfigError, DataError, messageOf } from "../../errors.js";
import { ownValue } from "../../own-value.js";
import { refuseChanged } from "../code-files.js";
import { type Input, inputOf } from "../inputs.js";
import type { Operator } from "../operator.js";
import { anyOutput, refineOutput, separator } from "../schema/derived-fields.js";
import { featureName, text } from "../schema/feature-fields.js";
import { type AllowedCode, defineKind, type FeatureFunction } from "./define-kind.js";

/** How the function receives a value: as a text, a number, or a list of texts. */
const as = z.enum(["text", "number", "texts"]).default("text");

const customInput = z.union([
  text,
  z.strictObject({
    /** A column of the source. */
    column: text,
    /** Separates values given as text. */
    separator: text.optional(),
    as,
  }),
  z.strictObject({ feature: featureName, as }),
]);

/** `custom`: calls a function from a module of yours on batches of rows. Meaning: TorchEasyRec's CustomFeature. */
const schema = z
  .strictObject({
    kind: z.literal("custom"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** The columns and features that the function takes, as text, number, or list of texts. */
    inputs: z.array(customInput).min(1),
    /** Separates values given as text; an input may override it. */
    separator,
    /** A TypeScript or JavaScript file. Relative paths start at the working directory. */
    module: text,
    /** The name of the function's export. */
    export: text.default("default"),
    /** Passed to the function. */
    params: z.json().optional(),
    ...anyOutput,
  })
  .superRefine(refineOutput);

/**
 * The key of the function that a derivation may run. It is not in JSON, so that a checkpoint can only name code, and never
 * run it: it is set where a config of this process is read, and where the caller allows it.
 */
const RUN = Symbol("run");

interface Custom {
  readonly kind: "custom";
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly module: string;
  readonly export: string;
  readonly params?: unknown;
  readonly [RUN]?: () => FeatureFunction;
}

export const customKind = defineKind({
  schema,
  derive,
  compile,
  allow,
  file: ({ module }) => ({ path: module, key: "module", holds: "module" }),
});

function derive(feature: z.output<typeof schema>): Custom {
  const { name, module, params, separator } = feature;
  const inputs = feature.inputs.map((source) =>
    inputOf(source, typeof source === "string" ? "text" : source.as, separator),
  );
  return {
    kind: "custom",
    name,
    inputs,
    module,
    export: feature.export,
    ...(params !== undefined && { params }),
    [RUN]: () => importFunction(module, feature.export),
  };
}

function allow(custom: Custom, { functions, importModules, modules }: AllowedCode): Custom {
  const { name, module } = custom;
  const given = ownValue(functions, name);
  if (given) return { ...custom, [RUN]: () => given };
  if (!importModules) return custom;
  const known = ownValue(modules, module);
  return {
    ...custom,
    [RUN]: () => {
      refuseChanged(module, known, "the module of a custom feature");
      return importFunction(module, custom.export);
    },
  };
}

function compile(custom: Custom): Operator {
  const apply = functionOf(custom);
  return (inputs, rows) => {
    const values = apply(inputs, custom.params);
    if (Array.isArray(values) && values.length === rows) return values;
    throw new DataError({
      what: `the function of the feature ${custom.name} did not return one value per row`,
      where: `${custom.module}, ${custom.export}`,
      got: Array.isArray(values) ? `${values.length} values` : typeof values,
      expected: `an array of ${rows} values`,
      next: "Return one value per row, undefined for a missing one.",
    });
  };
}

function functionOf({ name, module, export: exported, [RUN]: run }: Custom): FeatureFunction {
  if (run) return run();
  throw new CheckpointError({
    what: `the feature ${name} is computed by a function, and loading a checkpoint runs no code that it names`,
    where: `${module}, ${exported}`,
    got: "no function from the caller",
    expected: `load(path, { functions: { ${name}: … } })`,
    next: "Pass the function to load(). If you trust the checkpoint and its modules, set importModules: true (--import-modules) instead.",
  });
}

function importFunction(module: string, name: string): FeatureFunction {
  const path = resolve(module);
  let exported: Record<string, unknown>;
  try {
    exported = createJiti(import.meta.url)(path) as Record<string, unknown>;
  } catch (error) {
    throw moduleError(path, name, messageOf(error), { cause: error });
  }
  if (Object.hasOwn(exported, name) && typeof exported[name] === "function")
    return exported[name] as FeatureFunction;
  throw moduleError(path, name, `exports ${Object.keys(exported).join(", ") || "nothing"}`);
}

function moduleError(path: string, name: string, got: string, options?: ErrorOptions): ConfigError {
  return new ConfigError(
    {
      what: "the module of a custom feature cannot be used",
      where: path,
      got,
      expected: `a module that exports a function as ${name}`,
      next: `Check the path and the name. Relative paths start at ${process.cwd()}.`,
    },
    options,
  );
}
