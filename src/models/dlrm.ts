import { z } from "zod";
import { join, stack } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { dotInteraction } from "../ops/dot-interaction.js";
import { checkFields, denseAndSparseFields, fieldGroups } from "./fields.js";
import { defineModel } from "./model.js";

const schema = z.strictObject({
  kind: z.literal("dlrm"),
  ...fieldGroups,
  /** The MLP over interactions and the dense field. */
  final: mlpSchema,
  /** Also pass all sparse embeddings to the final MLP, as in TorchEasyRec but not in the paper. */
  archWithSparse: z.boolean().default(true),
});

/**
 * DLRM: a dense MLP turns the numbers into one more field. The dot products of all pairs of fields, the dense field and
 * (with `archWithSparse`) the embeddings themselves go through the final MLP to the logits.
 * Source: Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation Systems", 2019.
 */
export const dlrm = defineModel({
  kind: "dlrm",
  schema,
  build(features, config, scope, outputs) {
    const { dense, sparse } = denseAndSparseFields(features, config, scope);
    const fields = dense ? [dense, ...sparse] : sparse;
    checkFields(fields, "model.sparse.features");
    const [interactions] = scope.apply(dotInteraction, [stack(scope, fields)], {});
    const parts = [interactions, ...(dense ? [dense] : []), ...(config.archWithSparse ? sparse : [])];
    const hidden = mlp(scope.child("final_mlp"), join(scope, parts), config.final);
    return linearLayer(scope.child("output"), hidden, { units: outputs });
  },
});
