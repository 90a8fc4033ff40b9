import { type Duck, quoteText } from "./duckdb.js";

/** The syntax tree of a SELECT, of `json_serialize_sql`. It has no statements if the SQL cannot be parsed. */
export async function sqlTree(duck: Duck, select: string, where: string): Promise<unknown> {
  const [[text]] = await duck.rows(`SELECT json_serialize_sql(${quoteText(select)})`, where);
  return JSON.parse(text ?? "null");
}
