import { z } from "zod";
import { parseExpression } from "../expression.js";
import { type Input, inputOf } from "../inputs.js";
import { type Operator, rowwise } from "../operator.js";
import { type InputSource, inputSource, numberOutput, refineOutput } from "../schema/derived-fields.js";
import { expressionProblem, featureName } from "../schema/feature-fields.js";
import { defineKind } from "./define-kind.js";

/**
 * `expression`: arithmetic, comparison and choice over several numbers; missing if one of them is missing. Meaning:
 * TorchEasyRec's ExprFeature, for numbers.
 */
const schema = z
  .strictObject({
    kind: z.literal("expression"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** Columns with their own names, or a source for each name in the expression. */
    variables: z.union([z.array(z.string().min(1)).min(1), z.record(z.string(), inputSource)]),
    /** Arithmetic, comparisons, `&& || ?:` and functions of the variables. */
    expression: z.string(),
    ...numberOutput,
  })
  .superRefine(refineOutput)
  .superRefine(({ expression, variables }, context) => {
    try {
      parseExpression(expression, Object.keys(sourcesOf(variables)));
    } catch (error) {
      expressionProblem(context, ["expression"], error);
    }
  });

interface ExpressionOfInputs {
  readonly kind: "expression";
  readonly inputs: readonly Input[];
  /** The input names in the expression. */
  readonly names: readonly string[];
  readonly expression: string;
}

export const expressionKind = defineKind({
  schema,
  derive,
  compile,
});

function derive(feature: z.output<typeof schema>): ExpressionOfInputs {
  const sources = sourcesOf(feature.variables);
  const inputs = Object.values(sources).map((source) => inputOf(source, "number", ","));
  return { kind: "expression", inputs, names: Object.keys(sources), expression: feature.expression };
}

function sourcesOf(variables: readonly string[] | Record<string, InputSource>): Record<string, InputSource> {
  return Array.isArray(variables)
    ? Object.fromEntries(variables.map((name) => [name, name]))
    : (variables as Record<string, InputSource>);
}

function compile({ expression, names }: ExpressionOfInputs): Operator {
  const evaluate = parseExpression(expression, names);
  // A comparison with NaN is false: a text that is no number would silently be 0.
  const takesNaN = /\bisnan\b/.test(expression);
  return rowwise((...values) => {
    if (values.includes(undefined)) return undefined;
    return values.includes(Number.NaN) && !takesNaN ? Number.NaN : evaluate(values as number[]);
  });
}
