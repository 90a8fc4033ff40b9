import { fileURLToPath } from "node:url";
import ts from "typescript";
import { z } from "zod";
import { configSchema } from "../../src/config/config.js";

/** The part of JSON Schema that zod writes and these files read. */
export interface JsonSchema {
  $schema?: string;
  title?: string;
  description?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  exclusiveMaximum?: number;
  minItems?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
}

/**
 * The JSON Schema of a config as it is written, for editors and for the reference. Types, bounds and defaults are
 * zod's; the meanings are the doc comments beside the keys in the source, which the compiler carries through zod's
 * types. So each is said once.
 */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const program = typeProgram();
  describe(schema, [program.config], program.checker);
  return { ...schema, title: "Pairloom config" };
}

function typeProgram(): { checker: ts.TypeChecker; config: ts.Type } {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const path = `${root}src/config/config.ts`;
  const text = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent({ ...text, files: [path], include: [] }, ts.sys, root);
  const program = ts.createProgram([path], options);
  const checker = program.getTypeChecker();
  const alias = program
    .getSourceFile(path)!
    .statements.find((node) => ts.isTypeAliasDeclaration(node) && node.name.text === "ParsedConfig");
  return { checker, config: checker.getTypeAtLocation(alias!) };
}

/** Writes meanings into a schema; `types` are what the value may be. */
function describe(schema: JsonSchema, types: readonly ts.Type[], checker: ts.TypeChecker): void {
  for (const branch of schema.anyOf ?? schema.oneOf ?? []) describe(branch, types, checker);
  if (schema.items)
    describe(
      schema.items,
      types.flatMap((type) => elementsOf(type, checker)),
      checker,
    );
  if (!schema.properties) return;
  const kind = schema.properties.kind?.const;
  const fitting = types.filter((type) => kind === undefined || kindOf(type, checker) === kind);
  for (const [name, property] of Object.entries(schema.properties)) {
    const symbols = fitting.flatMap((type) => checker.getPropertyOfType(type, name) ?? []);
    const text = symbols.map((symbol) => meaningOf(symbol, checker));
    const meaning = name === "kind" ? "Says which kind this is." : text.find((comment) => comment !== "");
    if (meaning !== undefined) property.description = meaning.replaceAll(/\s*\n\s*/g, " ");
    describe(
      property,
      symbols.flatMap((symbol) => membersOf(checker.getTypeOfSymbol(symbol), checker)),
      checker,
    );
  }
}

/** The comment beside a key, or beside the schema that the key names: `features: featureGroup`, `embeddingDim`. */
function meaningOf(symbol: ts.Symbol, checker: ts.TypeChecker): string {
  const own = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  if (own !== "") return own;
  const named = (symbol.declarations ?? []).flatMap((key) => schemaNamedBy(key, checker) ?? []);
  const comments = named.map((each) => ts.displayPartsToString(each.getDocumentationComment(checker)));
  return comments.find((comment) => comment !== "") ?? "";
}

function schemaNamedBy(key: ts.Declaration, checker: ts.TypeChecker): ts.Symbol | undefined {
  const symbol = ts.isShorthandPropertyAssignment(key)
    ? checker.getShorthandAssignmentValueSymbol(key)
    : ts.isPropertyAssignment(key) && schemaName(key.initializer);
  if (!symbol) return undefined;
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

  /** `featureGroup` of `featureGroup` and of `featureGroup.optional()`; `eps` of `eps(1e-8)`. */
  function schemaName(value: ts.Expression): ts.Symbol | undefined {
    if (ts.isIdentifier(value)) return checker.getSymbolAtLocation(value);
    if (!ts.isCallExpression(value)) return undefined;
    if (ts.isIdentifier(value.expression)) return checker.getSymbolAtLocation(value.expression);
    if (!ts.isPropertyAccessExpression(value.expression)) return undefined;
    const { expression } = value.expression;
    return ts.isIdentifier(expression) && expression.text === "z" ? undefined : schemaName(expression);
  }
}

function membersOf(type: ts.Type, checker: ts.TypeChecker): readonly ts.Type[] {
  const plain = checker.getNonNullableType(type);
  return plain.isUnion() ? plain.types : [plain];
}

function elementsOf(type: ts.Type, checker: ts.TypeChecker): readonly ts.Type[] {
  if (!checker.isArrayType(type)) return [];
  return checker.getTypeArguments(type as ts.TypeReference).flatMap((element) => membersOf(element, checker));
}

function kindOf(type: ts.Type, checker: ts.TypeChecker): unknown {
  const kind = checker.getPropertyOfType(type, "kind");
  const literal = kind && checker.getTypeOfSymbol(kind);
  return literal?.isStringLiteral() ? literal.value : undefined;
}
