import type { z } from "zod";
import type { Op } from "../../graph/op.js";
import type { KindSchema } from "../../kinds.js";
import type { TableUpdate } from "../table-update.js";

/** An optimizer of embedding tables: its config schema without the schedule, and the operation that updates rows. */
export interface EmbeddingOptimizer<
  S extends KindSchema = KindSchema,
  O = Op & Pick<TableUpdate<string, string>, "states" | "squares" | "settings">,
> {
  readonly schema: S;
  readonly op: O;
}

/** Declares an embedding optimizer. Its schema must contain every setting of its operation. */
export function embeddingOptimizer<
  const Kind extends string,
  const Setting extends string,
  S extends KindSchema & z.ZodType<Readonly<Record<Setting, number>>>,
>(definition: {
  schema: S;
  op: TableUpdate<Kind, Setting>;
}): EmbeddingOptimizer<S, TableUpdate<Kind, Setting>> {
  return definition;
}
