import { z } from "zod";
import { type Input, inputOf } from "../inputs.js";
import { type Operator, rowwise } from "../operator.js";
import { refineIds, separator } from "../schema/derived-fields.js";
import { featureName, mappingFields, tableFields, text } from "../schema/feature-fields.js";
import { defineKind } from "./define-kind.js";

/** `entryBags`: several ids in each entry of a sequence, such as the tags of the items that a user has clicked. */
const schema = z
  .strictObject({
    kind: z.literal("entryBags"),
    /** Unique; models use it to refer to the feature. */
    name: featureName,
    /** The column with a list of lists for each row, oldest entry first; default the name. */
    column: text.optional(),
    /** Separates the entries of a sequence given as text. */
    separator,
    /** Separates the ids of an entry given as text. */
    idSeparator: text.default("|"),
    /** The sequence that this is a column of. It has a column with one value in each entry, too. */
    sequence: featureName,
    /** Keep only the newest entries, the last ones, up to this number. */
    max: z.int().positive().optional(),
    /** How the embeddings of an entry's ids are pooled. */
    pooling: z.enum(["sum", "mean"]).default("sum"),
    ...mappingFields,
    ...tableFields,
  })
  .superRefine(refineIds);

interface EntryBags {
  readonly kind: "entryBags";
  readonly inputs: readonly Input[];
}

export const entryBagsKind = defineKind({
  schema,
  gives: "entryBags",
  derive,
  compile,
});

function derive({ name, column = name, separator, idSeparator }: z.output<typeof schema>): EntryBags {
  return {
    kind: "entryBags",
    inputs: [{ ...inputOf(column, "lists", separator), inner: idSeparator }],
  };
}

function compile(): Operator {
  return rowwise((lists) => lists);
}
