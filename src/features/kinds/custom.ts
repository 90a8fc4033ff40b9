import { resolve } from "node:path";
import { createJiti } from "jiti";
import { z } from "zod";
import { ConfigError, DataError, messageOf } from "../../errors.js";
import { type Input, type InputValue, inputOf } from "../inputs.js";
import type { Operator } from "../operator.js";
import { anyOutput, refineOutput, separator } from "../schema/derived-fields.js";
import { featureName, text } from "../schema/feature-fields.js";
import { defineKind } from "./define-kind.js";

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
 * The function of a custom feature. It takes one column per input and returns one value per row: a number, a text or a list.
 * Text inputs are canonical texts; `undefined` is a missing value.
 */
export type FeatureFunction = (
  inputs: readonly (readonly InputValue[])[],
  params: unknown,
) => readonly unknown[];

interface Custom {
  readonly kind: "custom";
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly module: string;
  readonly export: string;
  readonly params?: unknown;
}

export const customKind = defineKind({
  schema,
  derive,
  compile,
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
  };
}

function compile(custom: Custom): Operator {
  const apply = loadFunction(custom);
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

function loadFunction({ module, export: name }: Custom): FeatureFunction {
  const path = resolve(module);
  let exported: Record<string, unknown>;
  try {
    exported = createJiti(import.meta.url)(path) as Record<string, unknown>;
  } catch (error) {
    throw moduleError(path, name, messageOf(error), { cause: error });
  }
  if (typeof exported[name] === "function") return exported[name] as FeatureFunction;
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
