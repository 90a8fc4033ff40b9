import type { JsonSchema } from "./config-schema.js";

/** Length of the JSON text below which a part is repeated instead of named. */
const shortestDefinition = 100;

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
    const { content, own } = divide(part);
    const key = JSON.stringify(content);
    if (uses.get(key) === 1 || key.length < shortestDefinition) return mapParts(part, path, share);
    if (!names.has(key)) {
      if (Object.hasOwn(definitions, path))
        throw new Error(`two shared parts of the schema are named ${path}`);
      names.set(key, path);
      definitions[path] = {}; // Its place: before the parts that it uses.
      definitions[path] = mapParts(content, path, share);
    }
    return { $ref: `#/$defs/${names.get(key)}`, ...own };
  };
  const rest = mapParts(schema, "", share);
  return { ...rest, $defs: { ...rest.$defs, ...definitions } };
}

/** How often each part is used, those inside a part that occurs again counted once. */
function count(schema: JsonSchema, uses: Map<string, number>): void {
  mapParts(schema, "", (part) => {
    const key = JSON.stringify(divide(part).content);
    uses.set(key, (uses.get(key) ?? 0) + 1);
    if (uses.get(key) === 1) count(part, uses);
    return part;
  });
}

/** A part's content, and what each place says by itself: of objects and unions the meaning and the default. */
function divide(part: JsonSchema): { content: JsonSchema; own: JsonSchema } {
  if (!isStructure(part)) return { content: part, own: {} };
  const { description, default: value, ...content } = part;
  return {
    content,
    own: { ...(value !== undefined && { default: value }), ...(description && { description }) },
  };
}

function isStructure({ properties, anyOf, oneOf, items }: JsonSchema): boolean {
  return Boolean(properties ?? anyOf ?? oneOf) || (items !== undefined && isStructure(items));
}

/** A schema with the schemas directly inside it replaced; `path` is made of keys and kinds: `train.loss.focal`. */
function mapParts(
  schema: JsonSchema,
  path: string,
  map: (part: JsonSchema, path: string) => JsonSchema,
): JsonSchema {
  const branches = (parts: readonly JsonSchema[]) =>
    parts.map((part, i) => map(part, join(path, String(part.properties?.kind?.const ?? i + 1))));
  const { properties, additionalProperties, items, anyOf, oneOf } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, part]) => [key, map(part, join(path, key))]),
      ),
    }),
    ...(typeof additionalProperties === "object" && {
      additionalProperties: map(additionalProperties, join(path, "value")),
    }),
    ...(items && { items: map(items, join(path, "item")) }),
    ...(anyOf && { anyOf: branches(anyOf) }),
    ...(oneOf && { oneOf: branches(oneOf) }),
  };
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
