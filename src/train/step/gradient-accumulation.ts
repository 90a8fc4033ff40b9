import { ConfigError } from "../../errors.js";
import type { Graph } from "../../graph/graph.js";
import { translate } from "../../ops/translate.js";
import { schedule } from "../../passes/schedule.js";

/*
 * Gradients of several batches make up one update. Tiles of rows go through the whole model, forward and backward, one
 * after the other, and the sums of dense gradients are all that they leave, beside the ids and gradients of lookups that
 * tables are updated with. So the batches of an update are its tiles in order: a program for all their rows at once
 * keeps the activations of a tile, not those of its rows.
 */

interface Batches {
  readonly batchSize: number;
  readonly gradientAccumulation: number;
}

/** Rows of one update. */
export function rowsPerStep({ batchSize, gradientAccumulation }: Batches): number {
  return batchSize * gradientAccumulation;
}

/** @throws ConfigError where rows of the training graph wait for a result of their whole batch */
export function checkAccumulation(training: Graph, { batchSize, gradientAccumulation }: Batches): void {
  if (gradientAccumulation === 1) return;
  const phases = schedule(training).filter(({ kind }) => kind === "tile").length;
  // The rows of tables that have a translation are known after a phase of their own, however the batch is cut.
  const translated = training.nodes.some(({ op }) => op === translate) ? 1 : 0;
  if (phases <= 1 + translated) return;
  throw new ConfigError({
    what: "the rows of a batch need something of its other rows, which gradient accumulation would change",
    where: "train.gradientAccumulation",
    got: `${gradientAccumulation}, with batch normalisation or a loss over sessions`,
    expected: "1 with these",
    next: `Use batchSize ${batchSize * gradientAccumulation}, or neither of them.`,
  });
}
