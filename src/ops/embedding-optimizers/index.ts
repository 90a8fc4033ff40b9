import { adadelta } from "./adadelta.js";
import { adagrad } from "./adagrad.js";
import { adam } from "./adam.js";
import { lamb } from "./lamb.js";
import { larsSgd } from "./lars-sgd.js";
import { partialRowWiseAdam } from "./partial-row-wise-adam.js";
import { partialRowWiseLamb } from "./partial-row-wise-lamb.js";
import { rmsprop } from "./rmsprop.js";
import { rowWiseAdagrad } from "./row-wise-adagrad.js";
import { sgd } from "./sgd.js";

/** The embedding optimizers available in a config. */
export const EMBEDDING_OPTIMIZERS = [
  sgd,
  adagrad,
  rowWiseAdagrad,
  adam,
  partialRowWiseAdam,
  lamb,
  partialRowWiseLamb,
  larsSgd,
  rmsprop,
  adadelta,
] as const;

type Updates = (typeof EMBEDDING_OPTIMIZERS)[number]["op"];

/** Their operations, by kind. */
export const TABLE_UPDATES = Object.fromEntries(
  EMBEDDING_OPTIMIZERS.map(({ op }) => [op.kind, op]),
) as unknown as { readonly [O in Updates as O["kind"]]: O };
