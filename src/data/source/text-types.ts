import { DataError } from "../../errors.js";
import { NO_TYPE } from "./common-type.js";
import type { Want } from "./demand.js";
import { type Duck, quoteName } from "./duckdb.js";
import { exactType, INTEGERS, KIND, kindSql, LONG, NUMBERS } from "./text-kinds.js";

/**
 * The types of text columns that SQL computes with. A type is settled by every value of every file, so no value is
 * changed to fit one that was guessed from others.
 */

/** A column, and its use by features besides SQL. */
export interface TextColumn {
  readonly name: string;
  readonly want: Want | undefined;
}

export interface SettledType {
  readonly type: string;
  /** True if every text has the type; blank ones are missing, and the rows of others are left out. */
  readonly isExact: boolean;
}

/** What all values of a column are. */
interface Found {
  /** All kinds that occur. */
  readonly kinds: number;
  readonly values: number;
  readonly numbers: number;
}

/**
 * The narrowest type of each column that every value has. In a column that a feature or label reads, and of which most
 * values are numbers, others do not count.
 *
 * @param texts a SELECT of the columns as VARCHAR
 * @throws DataError if no type holds all numbers of a column
 */
export async function typesOfTexts(
  duck: Duck,
  columns: readonly TextColumn[],
  texts: string,
  where: string,
): Promise<Map<string, SettledType>> {
  const types = new Map<string, SettledType>();
  for (const [i, found] of (await findKinds(duck, columns, texts, where)).entries()) {
    await refuseUnholdable(duck, columns[i], found, texts, where);
    types.set(columns[i].name, typeOf(found, columns[i].want));
  }
  return types;
}

async function findKinds(
  duck: Duck,
  columns: readonly TextColumn[],
  texts: string,
  where: string,
): Promise<Found[]> {
  if (columns.length === 0) return [];
  const kinds = columns.map(({ name }, i) => `${kindSql(quoteName(name))} AS k${i}`);
  const totals = columns.flatMap((_, i) => [
    `bit_or(k${i})`,
    `count_if(k${i} & ~${KIND.blank} <> 0)`,
    `count_if(k${i} & ${NUMBERS} <> 0)`,
  ]);
  const [row] = await duck.rows(`SELECT ${totals} FROM (SELECT ${kinds} FROM (${texts}))`, where);
  const at = (index: number) => Number(row[index] ?? 0);
  return columns.map((_, i) => ({ kinds: at(3 * i), values: at(3 * i + 1), numbers: at(3 * i + 2) }));
}

function typeOf(found: Found, want: Want | undefined): SettledType {
  const type = exactType(found.kinds);
  const isRead = want !== undefined && want !== "text";
  if (type === NO_TYPE) return { type, isExact: true };
  if (type !== "VARCHAR") return { type, isExact: !isRead || (found.kinds & KIND.blank) === 0 };
  if (!isRead || !mostlyNumbers(found)) return { type, isExact: true };
  return { type: "DOUBLE", isExact: (found.kinds & ~NUMBERS) === 0 };
}

const mostlyNumbers = ({ values, numbers }: Found) => 2 * numbers > values;

/**
 * @throws DataError for a column that only SQL reads, with fractions and integers that no type of number holds together
 */
async function refuseUnholdable(
  duck: Duck,
  { name, want }: TextColumn,
  { kinds }: Found,
  texts: string,
  where: string,
): Promise<void> {
  const isNumber = (kinds & ~(INTEGERS | KIND.number | KIND.blank)) === 0;
  if (want !== undefined || !isNumber || !(kinds & KIND.number) || !(kinds & LONG)) return;
  const column = quoteName(name);
  const sql = `SELECT ${column} FROM (${texts}) WHERE (${kindSql(column)}) & ${LONG} <> 0 LIMIT 1`;
  const [[value]] = await duck.rows(sql, where);
  throw new DataError({
    what: "a column has fractions and integers of 2^53 and more, which no type of number holds exactly",
    where: `${where}, column ${name}`,
    got: JSON.stringify(value),
    expected: "integers, or smaller numbers",
    next: `Read the column as text with types: { ${JSON.stringify(name)}: "VARCHAR" }, and convert it in sql.`,
  });
}
