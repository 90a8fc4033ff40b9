import { z } from "zod";

/** The schema of a config object with a `kind`. */
export type KindSchema = z.ZodObject<{ kind: z.ZodLiteral<string> }, z.core.$strict>;

/** An entry of a list of such schemas. */
export interface Kind {
  readonly schema: KindSchema;
}

type SchemasOf<T extends readonly Kind[]> = { [I in keyof T]: T[I]["schema"] };

/** The schema that accepts any of the kinds. */
export function unionOf<const T extends readonly [Kind, ...Kind[]]>(
  kinds: T,
): z.ZodDiscriminatedUnion<SchemasOf<T>, "kind"> {
  const schemas = kinds.map(({ schema }) => schema) as unknown as SchemasOf<T>;
  return z.discriminatedUnion("kind", schemas as unknown as SchemasOf<[Kind]>) as never;
}

export const kindOf = ({ schema }: Kind): string => schema.shape.kind.value;

/** The entry with this kind; undefined if there is none. */
export const findKind = <T extends Kind>(kinds: readonly T[], kind: string): T | undefined =>
  kinds.find((each) => kindOf(each) === kind);
