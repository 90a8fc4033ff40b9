import { z } from "zod";

/** The choices that a schema leaves open. */
export interface Choices {
  pick<T>(...choices: T[]): T;
  /** Whether a key that has a default, or may be absent, is set. */
  isSet(key: string): boolean;
  /** The value of a key, or of an entry of its list; undefined: what the schema allows. */
  valueOf(key: string, schema: z.ZodType): unknown;
}

/**
 * A section of a config, made from its schema: tests that try every model need no list of them. Constraints between keys are not
 * known here, so that the section may be refused.
 */
export function sectionOf(schema: z.ZodType, choices: Choices, key = ""): unknown {
  const value = choices.valueOf(key, schema);
  if (value !== undefined) return value;
  if (schema instanceof z.ZodLiteral) return schema.value;
  if (schema instanceof z.ZodEnum) return choices.pick(...schema.options);
  if (schema instanceof z.ZodBoolean) return choices.pick(true, false);
  if (schema instanceof z.ZodNumber) return numberOf(schema, choices);
  if (schema instanceof z.ZodUnion)
    return sectionOf(choices.pick(...schema.options) as z.ZodType, choices, key);
  if (schema instanceof z.ZodArray)
    return Array.from({ length: choices.pick(1, 2) }, () =>
      sectionOf(schema.element as z.ZodType, choices, key),
    );
  if (schema instanceof z.ZodObject) return objectOf(schema, choices);
  throw new Error(`no value for ${key}: ${schema.type}`);
}

function numberOf({ isInt, minValue, maxValue }: z.ZodNumber, { pick }: Choices): number {
  const possible = (isInt ? [2, 1, 3] : [0.5, 0.1, 2]).filter((x) => x >= minValue! && x <= maxValue!);
  return pick(...possible);
}

function objectOf({ shape }: z.ZodObject, choices: Choices): Record<string, unknown> {
  const set = Object.entries(shape as Record<string, z.ZodType>).flatMap(([key, schema]) => {
    if (!isOptional(schema)) return [[key, sectionOf(schema, choices, key)]];
    return choices.isSet(key) ? [[key, sectionOf(schema.unwrap() as z.ZodType, choices, key)]] : [];
  });
  return Object.fromEntries(set);
}

const isOptional = (schema: z.ZodType) =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
