import { type Duck, quoteText } from "./duckdb.js";

/** The syntax tree of a SELECT, of `json_serialize_sql`. It has no statements if the SQL cannot be parsed. */
export async function sqlTree(duck: Duck, select: string, where: string): Promise<unknown> {
  const [[text]] = await duck.rows(`SELECT json_serialize_sql(${quoteText(select)})`, where);
  return JSON.parse(text ?? "null");
}

/** A part of a syntax tree, of any kind. */
export type Node = Readonly<Record<string, unknown>>;

/** All parts of a tree, each before the parts in it. */
export function* nodesOf(tree: unknown): Generator<Node> {
  if (typeof tree !== "object" || tree === null) return;
  if (!Array.isArray(tree)) yield tree as Node;
  for (const child of Object.values(tree)) yield* nodesOf(child);
}

const BOOLEANS: ReadonlyMap<unknown, boolean> = new Map([
  ["t", true],
  ["f", false],
]);

/** The value of a constant, of a list of constants, or of a struct of them; `undefined` for other expressions. */
export function constantOf(node: Node | undefined): unknown {
  if (node?.class === "CONSTANT") return (node.value as Node).value;
  // `true` is a text that is cast.
  if (node?.type === "OPERATOR_CAST") return BOOLEANS.get(constantOf(node.child as Node));
  const children = (node?.children ?? []) as Node[];
  const values = children.map(constantOf);
  if (values.includes(undefined)) return undefined;
  if (node?.function_name === "list_value" || node?.type === "ARRAY_CONSTRUCTOR") return values;
  if (node?.function_name === "struct_pack")
    return Object.fromEntries(children.map(({ alias }, i) => [alias, values[i]]));
  return undefined;
}
