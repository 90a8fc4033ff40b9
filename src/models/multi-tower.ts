import { z } from "zod";
import { join } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { groupParts } from "./fields.js";
import { defineModel } from "./model.js";
import { embeddingDim } from "./schema.js";
import { encodedSequences, sequenceFields, sequenceGroup } from "./sequence-encoders.js";

const schema = z.strictObject({
  kind: z.literal("multiTower"),
  /** Groups of features, for example those of the user, of the item and of the context, and the MLP of each. */
  towers: z
    .array(z.strictObject({ ...sequenceGroup, mlp: mlpSchema.optional() }))
    .min(1)
    .max(1000),
  ...sequenceFields,
  embeddingDim,
  /** The MLP over the outputs of all towers, and the vectors of sequences. */
  final: mlpSchema.optional(),
});

/**
 * Several towers: each group of features goes through an MLP of its own, and their outputs, with the vectors of `sequences`,
 * through a last one. With encoders of kind `din` this is the Deep Interest Network of Zhou et al., "Deep Interest Network for
 * Click-Through Rate Prediction", 2018, as MultiTowerDIN of TorchEasyRec. Parameters of tower i: `towers.<i>.…`.
 */
export const multiTower = defineModel({
  kind: "multiTower",
  schema,
  build(features, { towers, embeddingDim, final, ...encoders }, scope, outputs) {
    const towerOutputs = towers.map((tower, i) => {
      const own = scope.child("towers").child(i);
      const parts = groupParts(features, tower, `model.towers[${i}]`, embeddingDim, own);
      const joined = join(scope, parts);
      return tower.mlp ? mlp(own.child("mlp"), joined, tower.mlp) : joined;
    });
    const encoded = encodedSequences(
      features,
      encoders,
      "model.sequences",
      embeddingDim,
      scope.child("sequences"),
    );
    const all = join(scope, [...towerOutputs, ...encoded]);
    const hidden = final ? mlp(scope.child("final_mlp"), all, final) : all;
    return linearLayer(scope.child("output"), hidden, { units: outputs });
  },
});
