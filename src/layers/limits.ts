import { z } from "zod";

/**
 * Bounds of sizes in a model's config, far above every published model. A config beyond them is a mistake, or made to
 * keep a server busy: a checkpoint's config is untrusted.
 */

/** How often a part of a model is repeated: layers, blocks. */
export const repeats = z.int().positive().max(1000);
/** Widths of layers and embeddings. */
export const width = z.int().positive().max(65_536);
/** Attention heads; each is computed on its own. */
export const heads = z.int().positive().max(1024);
