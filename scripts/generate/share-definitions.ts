import type { JsonSchema } from "./config-schema.js";

/**
 * Moves what a schema says in several places to `$defs`, named by the first of them. It accepts the same values; a
 * change to a part that is used in many places is then one change.
 */
export function shareDefinitions(schema: JsonSchema): JsonSchema {
  const uses = new Map<string, number>();
  count(schema, uses);
  const names = new Map<string, string>();
  const definitions: Record<string, JsonSchema> = {};
  const share = (part: JsonSchema, path: string): JsonSchema => {
    const { description, default: value, ...content } = part;
    const key = JSON.stringify(content);
    if (!isShared(part, uses.get(key))) return mapParts(part, path, share);
    if (!names.has(key)) {
      if (Object.hasOwn(definitions, path))
        throw new Error(`two shared parts of the schema are named ${path}`);
      names.set(key, path);
      definitions[path] = {}; // Its place: before the parts that it uses.
      definitions[path] = mapParts(content, path, share);
    }
    const $ref = `#/$defs/${names.get(key)}`;
    return { $ref, ...(value !== undefined && { default: value }), ...(description && { description }) };
  };
  const rest = mapParts(schema, "", share);
  return { ...rest, $defs: { ...rest.$defs, ...definitions } };
}

/** How often each part is used, those inside a part that occurs again counted once. */
function count(schema: JsonSchema, uses: Map<string, number>): void {
  mapParts(schema, "", (part) => {
    const { description: _, default: __, ...content } = part;
    const key = JSON.stringify(content);
    uses.set(key, (uses.get(key) ?? 0) + 1);
    if (uses.get(key) === 1) count(part, uses);
    return part;
  });
}

/** Only objects and unions are worth a name. */
function isShared({ properties, anyOf, oneOf }: JsonSchema, uses: number | undefined): boolean {
  return (uses ?? 0) > 1 && Boolean(properties ?? anyOf ?? oneOf);
}

/** A schema with the schemas directly inside it replaced; `path` is made of keys and kinds: `train.loss.focal`. */
function mapParts(
  schema: JsonSchema,
  path: string,
  map: (part: JsonSchema, path: string) => JsonSchema,
): JsonSchema {
  const branches = (parts: readonly JsonSchema[]) =>
    parts.map((part, i) => map(part, join(path, String(part.properties?.kind?.const ?? i + 1))));
  const { properties, items, anyOf, oneOf } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, part]) => [key, map(part, join(path, key))]),
      ),
    }),
    ...(items && { items: map(items, join(path, "item")) }),
    ...(anyOf && { anyOf: branches(anyOf) }),
    ...(oneOf && { oneOf: branches(oneOf) }),
  };
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
