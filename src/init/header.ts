import type { SourceInput } from "../data/data-config.js";
import { NULL_WORDS } from "../data/null-words.js";
import { numbered } from "../data/source/text-layout.js";
import { ConfigError } from "../errors.js";
import { instantOf } from "../features/instant.js";
import { numberValue } from "../features/values.js";

/** The names of the columns of a text file, from its first lines. */

type Names = Pick<SourceInput, "skip" | "columns">;
/** The fields of each line. */
type Table = readonly (readonly string[])[];

/** Numbered names for a file without a header. */
export function columnsOf(table: Table, label: string | undefined): Names {
  const [first = [], ...rest] = trimmed(table);
  if (isHeader(first, rest, label)) return {};
  return { columns: first.map((_, i) => numbered(i, first.length)) };
}

const trimmed = (table: Table) => table.map((fields) => fields.map((field) => field.trim()));

/**
 * Names from the command line. A first line of other names, above a column of numbers, is left out.
 * @throws ConfigError if they are not as many as the columns
 */
export function givenColumns(names: readonly string[], table: Table, skip: number): Names {
  const [first = [], ...rest] = trimmed(table);
  if (first.length > 0 && names.length !== first.length) throw otherCount(names, first);
  const isNames = first.every((name) => !isValue(name) && !NULL_WORDS.includes(name));
  const columns = [...names];
  return isNames && first.some((name, i) => name !== "" && areValues(rest, i))
    ? { skip: skip + 1, columns }
    : { columns };
}

function otherCount(names: readonly string[], first: readonly string[]): ConfigError {
  return new ConfigError({
    what: "there must be as many names as columns",
    where: "--columns",
    got: `${names.length}: ${names.join(",")}`,
    expected: `${first.length}, for the columns of ${first.slice(0, 20).join(",")}`,
    next: "Name every column, in the order of the file.",
  });
}

/**
 * A header that is one name short, because each line below it ends in a separator, or begins with a name of its row, as R
 * writes it.
 */
export function shortHeader(
  above: readonly string[] | undefined,
  table: Table,
  label: string | undefined,
): Names | undefined {
  const [first = [], ...rest] = trimmed(table);
  const names = above?.map((name) => name.trim());
  if (names?.length !== first.length - 1 || isHeader(first, rest, label)) return undefined;
  if (!names.every((name) => name !== "" && !isValue(name))) return undefined;
  const endsEmpty = [first, ...rest].every((fields) => (fields[names.length] ?? "") === "");
  const [start, end] = [0, names.length].map((i) => numbered(i, first.length));
  return { columns: endsEmpty ? [...names, end] : [start, ...names] };
}

/** Names differ, are no numbers or dates, and are not among the values below them. */
function isHeader(first: readonly string[], rest: Table, label: string | undefined): boolean {
  if (label !== undefined && first.includes(label)) return true;
  if (label !== undefined && /^column\d+$/.test(label)) return false;
  if (new Set(first).size < first.length || first.some(isValue)) return false;
  if (first.some((name, i) => name !== "" && areValues(rest, i))) return true;
  return !first.some((name, i) => rest.some((fields) => fields[i] === name));
}

/** True if the fields of a column are numbers or dates. */
function areValues(rows: Table, i: number): boolean {
  const values = rows.map((fields) => fields[i] ?? "").filter((value) => value !== "");
  return values.length > 0 && values.every(isValue);
}

const isValue = (text: string): boolean =>
  text !== "" && (Number.isFinite(numberValue(text.replace(",", "."))) || Number.isFinite(instantOf(text)));
