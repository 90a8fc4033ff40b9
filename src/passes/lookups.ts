import { embedEntries } from "../ops/embed-entries.js";
import { embedding } from "../ops/embedding.js";
import { embeddingBag } from "../ops/embedding-bag.js";

/** Operations on a table and a column of ids, or of rows. */
export const LOOKUPS: ReadonlySet<unknown> = new Set([embedding, embeddingBag, embedEntries]);
