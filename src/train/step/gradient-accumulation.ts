import { ConfigError } from "../../errors.js";
import type { Graph } from "../../graph/graph.js";
import { translate } from "../../ops/translate.js";
import { schedule } from "../../passes/schedule.js";

/*
 * Several batches make up one update. Tiles of rows pass through the whole model, forward and backward, one after the
 * other. They leave only the sums of dense gradients, and the ids and gradients of lookups for table updates. So a
 * program over all rows of an update needs activation memory for one tile only, and gives the update of the batches'
 * tiles in order.
 */

interface Batches {
  readonly batchSize: number;
  readonly gradientAccumulation: number;
}

/** Rows per update. */
export function rowsPerStep({ batchSize, gradientAccumulation }: Batches): number {
  return batchSize * gradientAccumulation;
}

/** @throws ConfigError if rows of the training graph depend on a result over their whole batch */
export function checkAccumulation(training: Graph, { batchSize, gradientAccumulation }: Batches): void {
  if (gradientAccumulation === 1) return;
  const phases = schedule(training).filter(({ kind }) => kind === "tile").length;
  // The rows of translated tables are determined in a separate phase, however the batch is divided.
  const translated = training.nodes.some(({ op }) => op === translate) ? 1 : 0;
  if (phases <= 1 + translated) return;
  throw new ConfigError({
    what: "rows of a batch depend on its other rows, which gradient accumulation would change",
    where: "train.gradientAccumulation",
    got: `${gradientAccumulation}, with batch normalization or a loss over sessions`,
    expected: "1 with these",
    next: `Use batchSize ${batchSize * gradientAccumulation}, or neither of them.`,
  });
}
