import type { z } from "zod";

/**
 * Finds the part of a schema that belongs to a config path. zod's issues give a path but not the schema, so the allowed
 * keys and forms have to be looked up.
 */

type Schema = z.core.$ZodType;
interface Def {
  readonly type: string;
  readonly innerType?: Schema;
  readonly element?: Schema;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly options?: readonly Schema[];
  readonly discriminator?: string;
  readonly valueType?: Schema;
  readonly values?: readonly unknown[];
  readonly entries?: Readonly<Record<string, unknown>>;
}

const defOf = (schema: Schema): Def => schema._zod.def as unknown as Def;

/** The allowed keys of objects at `path`, given the value there. */
export function keysAt(root: Schema, path: readonly PropertyKey[], value: unknown): string[] {
  const objects = schemasAt(root, path, value).filter((schema) => defOf(schema).type === "object");
  return [...new Set(objects.flatMap((schema) => Object.keys(defOf(schema).shape ?? {})))];
}

/** An allowed form of the value at a path. */
export interface Form {
  readonly type: string;
  /** The allowed words. */
  readonly values?: readonly unknown[];
  /** The allowed keys of an object. */
  readonly keys?: readonly string[];
}

/** Every allowed form at `path`, whatever the value there is. */
export function formsAt(root: Schema, path: readonly PropertyKey[], value: unknown): Form[] {
  const [last, ...above] = [...path].reverse();
  if (last === undefined) return branches(root).map(formOf);
  const parents = schemasAt(root, above.reverse(), value);
  return parents.flatMap((parent) => {
    const child = childOf(defOf(parent), last);
    return child ? branches(child).map(formOf) : [];
  });
}

function branches(schema: Schema): Schema[] {
  const { innerType, options } = defOf(schema);
  if (innerType) return branches(innerType);
  return options ? options.flatMap(branches) : [schema];
}

function formOf(schema: Schema): Form {
  const { type, shape, values, entries } = defOf(schema);
  return { type, values: values ?? (entries && Object.values(entries)), keys: shape && Object.keys(shape) };
}

/** The schemas at `path`: one, or several if a union is ambiguous. */
function schemasAt(root: Schema, path: readonly PropertyKey[], value: unknown): Schema[] {
  const here = alternatives(root, value);
  if (path.length === 0) return here;
  const [key, ...rest] = path;
  const inner = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return here.flatMap((schema) => {
    const child = childOf(defOf(schema), key);
    return child ? schemasAt(child, rest, inner) : [];
  });
}

function childOf({ type, shape, element, valueType }: Def, key: PropertyKey): Schema | undefined {
  if (type === "object") return shape?.[String(key)];
  if (type === "array") return element;
  return type === "record" ? valueType : undefined;
}

/** Removes a schema's wrappers (optional, default) and returns the branches of a union that may match the value. */
function alternatives(schema: Schema, value: unknown): Schema[] {
  const def = defOf(schema);
  if (def.innerType) return alternatives(def.innerType, value);
  if (def.type !== "union" || !def.options) return [schema];
  const branches = def.options.flatMap((option) => alternatives(option, value));
  const { discriminator } = def;
  if (discriminator === undefined) return branches.filter((branch) => sameForm(defOf(branch).type, value));
  const wanted = (value as Record<string, unknown> | undefined)?.[discriminator];
  return branches.filter((branch) => {
    const kind = defOf(branch).shape?.[discriminator];
    return kind !== undefined && defOf(kind).values?.includes(wanted);
  });
}

function sameForm(type: string, value: unknown): boolean {
  if (Array.isArray(value)) return type === "array";
  return typeof value === "object" && value !== null ? type === "object" || type === "record" : false;
}
