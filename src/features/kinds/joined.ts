import { z } from "zod";
import { type Input, inputOf } from "../inputs.js";
import { type Operator, rowwise } from "../operator.js";
import { separator } from "../schema/derived-fields.js";
import { featureName, tableFields, text } from "../schema/feature-fields.js";
import { defineKind } from "./define-kind.js";

const max = z.int().positive();

/** `joined`: the entries of two sequences, one after the other, as one sequence. Its ids say which of the two an entry is from. */
const schema = z.strictObject({
  kind: z.literal("joined"),
  /** Unique; models use it to refer to the feature, and it is the name of the sequence. */
  name: featureName,
  /** A column of each of the two sequences. */
  columns: z.tuple([text, text]),
  /** Separates entries given as text. */
  separator,
  /** The `max` of each of the two sequences; null for one that keeps all of its entries. */
  newest: z.tuple([max.nullable(), max.nullable()]).default([null, null]),
  /** The ids: 0 for an entry of the first sequence, 1 for one of the second. */
  buckets: z.literal(2).default(2),
  ...tableFields,
});

interface Joined {
  readonly kind: "joined";
  readonly inputs: readonly Input[];
  readonly newest: readonly (number | null)[];
}

export const joinedKind = defineKind({
  schema,
  gives: "sequence",
  derive,
  compile,
  joins: ({ columns, newest, separator }) =>
    columns.map((column, k) => ({ column, newest: newest[k], separator })),
});

function derive({ columns, separator, newest }: z.output<typeof schema>): Joined {
  return {
    kind: "joined",
    inputs: columns.map((column) => inputOf(column, "lists", separator)),
    newest,
  };
}

function compile({ newest }: Joined): Operator {
  return rowwise((...sequences) =>
    sequences.flatMap((entries, which) => {
      const count = (entries as readonly unknown[] | undefined)?.length ?? 0;
      return new Array<number>(Math.min(count, newest[which] ?? count)).fill(which);
    }),
  );
}
