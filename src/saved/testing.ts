/** Forgeries of JSON: every member gets values of other types, sizes and ranges, is left out, and gets members of its own. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** The place of a value. */
export type Path = readonly (string | number)[];

/** All members below a value, without the rows of the data, which loading does not read. */
export function* pathsIn(value: Json, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null || path.at(-1) === "rows") return;
  for (const key of Object.keys(value))
    yield* pathsIn((value as { [key: string]: Json })[key], [
      ...path,
      Array.isArray(value) ? Number(key) : key,
    ]);
}

const OTHERS: Json[] = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 33,
  1e300,
  "",
  "x",
  "__proto__",
  "\0",
  "\ud800",
  [],
  [1],
  {},
  { x: 1 },
];

/** What takes the place of a value; undefined leaves it out. */
export function* changesOf(value: Json): Generator<Json | undefined> {
  yield undefined;
  yield* OTHERS.filter((other) => JSON.stringify(other) !== JSON.stringify(value));
  if (typeof value === "number") yield* [value + 1, value - 1, -value, value * 1000];
  if (typeof value === "string") yield "y".repeat(1e6);
  if (Array.isArray(value))
    yield* [value.slice(1), [...value, ...value], [...value].reverse(), [...value, null]];
  else if (typeof value === "object" && value !== null) {
    yield { ...value, extra: 1 };
    yield { ...value, ["__proto__"]: 1 };
  }
}

/** The value in a place. */
export const valueAt = (whole: Json, path: Path): Json =>
  path.reduce<Json>((inner, key) => (inner as { [key: string]: Json })[key], whole);

/** A copy with another value in one place; undefined leaves it out. */
export function changed(whole: Json, at: Path, value: Json | undefined): Json {
  const copy = structuredClone(whole);
  const parent = valueAt(copy, at.slice(0, -1));
  const members = parent as { [key: string]: Json | undefined };
  const key = at.at(-1)!;
  if (value !== undefined) members[key] = value;
  else if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete members[key];
  return copy;
}
