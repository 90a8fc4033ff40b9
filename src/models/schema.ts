import { z } from "zod";
import { initializerSchema } from "../layers/initializer.js";
import { featureDropout } from "./feature-dropout.js";

/** Names of the features of a group. */
export const featureGroup = z
  .array(z.string().min(1))
  .min(1)
  .superRefine((names, context) => {
    const first = new Map<string, number>();
    names.forEach((name, i) => {
      const before = first.get(name);
      if (before === undefined) first.set(name, i);
      else context.addIssue({ code: "custom", path: [i], message: `"${name}" is already at [${before}]` });
    });
  });

/** The end of the name of tables of a group's own. */
export const tableSuffix = z.string().regex(/^\w+$/, "a suffix is made of letters, digits and _");

/** A group of features with embeddings. */
export const embeddedGroup = {
  features: featureGroup,
  ...featureDropout,
  /**
   * Gives the group its own tables, shared with groups of the same suffix (embedding_name_suffix in TorchEasyRec).
   * Without a suffix, all groups use the same table for a feature.
   */
  embeddingSuffix: tableSuffix.optional(),
};

/** The group of the first-order term. */
export const wideGroup = z.strictObject({
  features: featureGroup,
  ...featureDropout,
  /** The weight of an id is the sum of this many numbers: 4 by default in TorchEasyRec, 1 in the paper. */
  embeddingDim: z.int().positive().max(65_536).default(4),
  /** Initial values of these numbers; default zero. */
  initializer: initializerSchema.optional(),
  /** Also freeze the weights of features with `trainable: false`, as TorchEasyRec does. */
  followTrainable: z.boolean().default(false),
});

/** Embedding dimension of features without their own `dim`. */
export const embeddingDim = z.int().positive().max(65_536).default(16);
