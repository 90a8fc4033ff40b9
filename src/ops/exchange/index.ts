import { fetchRows } from "./fetch-rows.js";
import { foldAcross } from "./fold-across.js";
import { gatherRows } from "./gather-rows.js";
import { gatherSlots } from "./gather-slots.js";
import { foldRows, returnRows } from "./return-rows.js";
import { tellRows } from "./tell-rows.js";
import { uniqueRows } from "./unique-rows.js";

/** The operations by which ranks share a step. Only the pass `shard` uses them: models do not know of ranks. */
export const EXCHANGES = {
  uniqueRows,
  fetchRows,
  tellRows,
  returnRows,
  foldRows,
  foldAcross,
  gatherSlots,
  gatherRows,
};
