import { version as pairloom } from "../version.js";
import { exampleRow } from "./example-row.js";
import { type JsonSchema, requestSchemas } from "./row-schema.js";
import type { ServedModels } from "./served-models.js";
import type { Limits } from "./settings.js";

/** The document of a server, made from the features of its first model. */
export function openApi(models: ServedModels, limits: Limits): JsonSchema {
  const { predictor } = models.all[0].current;
  const { outputs, labels } = predictor;
  const columns = requestSchemas(predictor);
  const row = exampleRow(predictor);
  return {
    openapi: "3.1.0",
    info: {
      title: "Pairloom",
      version: pairloom,
      description: `Serves ${models.names.join(", ")}.`,
    },
    components: {
      schemas: { Row: rowSchema(columns), Error: ERROR },
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
    paths: {
      "/v1/predict": {
        post: scoring("Predictions of rows", models, predictBody(limits, row), scoresSchema(outputs, labels)),
      },
      "/v1/rank": {
        post: scoring("The best items for a user", models, rankBody(columns, limits, row), RANKED),
      },
      ...(models.sequences.length > 0 && { "/v1/events": { post: newEvents(models, limits) } }),
      "/v1/reload": {
        post: {
          summary: "Open the newest versions",
          responses: { 200: json({ type: "object" }), 401: REFUSALS[401], 409: NOT_RELOADED },
        },
      },
      "/v1/model": {
        get: {
          summary: "Models, versions, features and config",
          responses: { 200: json({ type: "object" }) },
        },
      },
      "/health": {
        get: { summary: "200 while the process runs", responses: { 200: json({ type: "object" }) } },
      },
      "/ready": {
        get: {
          summary: "200 while requests should be sent here",
          responses: { 200: json({ type: "object" }), 503: json({ type: "object" }) },
        },
      },
      "/metrics": { get: { summary: "Numbers for Prometheus", responses: { 200: { description: "Text" } } } },
    },
  };
}

function rowSchema(columns: ReadonlyMap<string, JsonSchema>): JsonSchema {
  return { type: "object", properties: Object.fromEntries(columns), required: [...columns.keys()] };
}

/** Events by sequence. */
function newEvents(models: ServedModels, limits: Limits): JsonSchema {
  const list = { type: "array", items: { type: "object" }, maxItems: limits.rows };
  const properties = Object.fromEntries(models.sequences.map((sequence) => [sequence, list]));
  const added = { type: "object", properties: { added: { type: "integer" } }, required: ["added"] };
  return {
    summary: "Adds events, from which rows get their histories",
    requestBody: {
      required: true,
      content: {
        "application/json": { schema: { type: "object", properties, additionalProperties: false } },
      },
    },
    responses: { 200: json(added), 400: REFUSALS[400], 401: REFUSALS[401], 413: REFUSALS[413] },
  };
}

const ERROR: JsonSchema = {
  type: "object",
  properties: {
    error: {
      type: "object",
      properties: Object.fromEntries(
        ["what", "where", "got", "expected", "next"].map((name) => [name, { type: "string" }]),
      ),
      required: ["what"],
    },
  },
  required: ["error"],
};

const json = (schema: JsonSchema): JsonSchema => ({
  description: String(schema.description ?? "JSON"),
  content: { "application/json": { schema } },
});
const refused = (description: string): JsonSchema => ({
  ...json({ $ref: "#/components/schemas/Error" }),
  description,
});
const NOT_RELOADED = refused(
  "The newer version cannot be opened, and the error says why; the one before serves on",
);
const REFUSALS = {
  400: refused("The request is wrong, and the error says where"),
  401: refused("The token is missing or wrong"),
  413: refused("The body is too large"),
  415: refused("The body is neither JSON nor Arrow"),
  422: refused("A prediction is not a finite number"),
  503: refused("The server is busy: try again after Retry-After"),
};

function scoring(summary: string, models: ServedModels, body: JsonSchema, answer: JsonSchema): JsonSchema {
  return {
    summary,
    parameters: [
      {
        name: "model",
        in: "query",
        schema: { enum: models.names },
        description: "Default: chosen by the shares",
      },
      {
        name: "key",
        in: "query",
        schema: { type: "string" },
        description: "The same key has the same model",
      },
    ],
    requestBody: { required: true, content: { "application/json": body } },
    responses: { 200: json(withVersion(answer)), ...REFUSALS },
  };
}

function predictBody(limits: Limits, row: object): JsonSchema {
  const rows = { type: "array", items: { $ref: "#/components/schemas/Row" }, maxItems: limits.rows };
  return {
    schema: { type: "object", properties: { rows }, required: ["rows"], additionalProperties: false },
    example: { rows: [row] },
  };
}

/** Each column may stand in each place: the server refuses requests in which one stands nowhere or twice. */
function rankBody(
  columns: ReadonlyMap<string, JsonSchema>,
  limits: Limits,
  row: Record<string, unknown>,
): JsonSchema {
  const some = { type: "object", properties: Object.fromEntries(columns) };
  const [first, ...others] = columns.keys();
  const only = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, row[name]]));
  return {
    schema: {
      type: "object",
      properties: {
        user: some,
        context: some,
        items: { type: "array", items: some, maxItems: limits.rows },
        k: { type: "integer", minimum: 1 },
        by: { type: "string" },
      },
      required: ["items"],
      additionalProperties: false,
    },
    example: { user: only([first]), items: [only(others)], k: 1 },
  };
}

function scoresSchema(outputs: number, labels: readonly string[]): JsonSchema {
  const numbers = { type: "array", items: { type: "number" } };
  const byLabel = { type: "object", properties: Object.fromEntries(labels.map((label) => [label, numbers])) };
  const byClass = { type: "array", items: numbers };
  return {
    properties: { scores: outputs === 1 ? numbers : outputs === labels.length ? byLabel : byClass },
    required: ["scores"],
  };
}

const RANKED: JsonSchema = {
  properties: {
    items: {
      type: "array",
      items: {
        type: "object",
        properties: { index: { type: "integer" }, score: { type: "number" } },
        required: ["index", "score"],
      },
    },
  },
  required: ["items"],
};

function withVersion({ properties, required }: JsonSchema): JsonSchema {
  return {
    type: "object",
    properties: { model: { type: "string" }, version: { type: "string" }, ...(properties as object) },
    required: ["model", "version", ...(required as string[])],
  };
}
