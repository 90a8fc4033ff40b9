import { z } from "zod";
import { initializer } from "../features/schema/feature-fields.js";

/** Names of features that a model takes together. */
export const featureGroup = z
  .array(z.string().min(1))
  .min(1)
  .superRefine((names, context) => {
    names.forEach((name, i) => {
      const first = names.indexOf(name);
      if (first !== i)
        context.addIssue({ code: "custom", path: [i], message: `"${name}" is already at [${first}]` });
    });
  });

/** A group of features that are embedded. */
export const embeddedGroup = {
  features: featureGroup,
  /**
   * Gives the group tables of its own, shared with groups of the same suffix: TorchEasyRec's embedding_name_suffix.
   * Without one, a feature has one table in all groups.
   */
  embeddingSuffix: z.string().regex(/^\w+$/, "a suffix is made of letters, digits and _").optional(),
};

/** The group of a first-order term. */
export const wideGroup = z.strictObject({
  features: featureGroup,
  /** A weight of an id is the sum of so many numbers. TorchEasyRec's default is 4; 1 is the paper's. */
  embeddingDim: z.int().positive().max(65_536).default(4),
  /** How these numbers start; default zero. */
  initializer: initializer.optional(),
});

/** Embedding dim of the features that give none themselves. */
export const embeddingDim = z.int().positive().max(65_536).default(16);
