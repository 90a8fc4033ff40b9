import { z } from "zod";

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

/** Embedding dim of the features that give none themselves. */
export const embeddingDim = z.int().positive().max(65_536).default(16);
