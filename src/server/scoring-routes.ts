import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Predictor } from "../serve/predictor.js";
import type { RankedItem } from "../serve/rank.js";
import { columnOf } from "../train/evaluate.js";
import { ARROW, arrowOfItems, arrowOfScores } from "./arrow.js";
import { countOf, rankRequestOf, refuseCompressed, rowsOf } from "./bodies.js";
import { PREDICT_PATH, RANK_PATH } from "./gate.js";
import type { Metrics } from "./metrics.js";
import { refusing, tooManyRows } from "./refusals.js";
import type { ScoringQueue } from "./scoring-queue.js";
import type { ServedModels } from "./served-models.js";
import type { ServerSettings } from "./settings.js";
import type { Version } from "./version.js";

export interface Scoring {
  readonly models: ServedModels;
  readonly queue: ScoringQueue;
  readonly metrics: Metrics;
  readonly settings: ServerSettings;
}

/** `POST /v1/predict` and `POST /v1/rank`. A request takes one version of one model, and uses it to its end. */
export function addScoringRoutes(app: FastifyInstance, scoring: Scoring): void {
  const { queue } = scoring;
  const onRequest = refusing(({ headers }) => refuseCompressed(headers["content-encoding"]));
  app.post(PREDICT_PATH, { onRequest }, (request, reply) =>
    answered(scoring, request, reply, async (version) => {
      const rows = rowsOf(request.body);
      const count = checkedCount(rows, scoring.settings);
      return { count, ...predicted(version.predictor, await queue.predict(version, rows, count)) };
    }),
  );
  app.post(RANK_PATH, { onRequest }, (request, reply) =>
    answered(scoring, request, reply, async (version) => {
      const asked = rankRequestOf(request.body);
      const count = checkedCount(asked.items, scoring.settings);
      return { count, ...ranked(await queue.rank(version, asked, count)) };
    }),
  );
}

/** An answer in both forms. */
interface Answer {
  readonly json: object;
  readonly arrow: () => Uint8Array;
}

async function answered(
  { models, metrics, settings }: Scoring,
  request: FastifyRequest,
  reply: FastifyReply,
  score: (version: Version) => Promise<Answer & { readonly count: number }>,
): Promise<object> {
  const { model, key } = request.query as Record<string, unknown>;
  const { source, current } = models.choose(textOrNone(model), textOrNone(key));
  reply.headers({ "pairloom-model": source.name, "pairloom-version": current.name });
  const { json, arrow, count } = await score(current);
  metrics.scored(source.name, current.name, count);
  const answer = { model: source.name, version: current.name, ...json };
  if (Math.random() < settings.sample)
    request.log.info({ sample: { route: request.url, body: request.body, answer } }, "sample");
  if (!request.headers.accept?.includes(ARROW)) return answer;
  return reply.type(ARROW).send(Buffer.from(arrow()));
}

/** A name that is given twice is a list. */
const textOrNone = (value: unknown) => (value === undefined ? undefined : String(value));

/** `scores`: a number for each row; by label, if the model has several; of classes, a list for each row. */
function predicted({ outputs, labels }: Predictor, predictions: Float32Array): Answer {
  const byOutput = (names: readonly string[]) =>
    Object.fromEntries(names.map((name, k) => [name, columnOf(predictions, k, outputs)]));
  if (outputs === 1)
    return { json: { scores: Array.from(predictions) }, arrow: () => arrowOfScores({ score: predictions }) };
  if (outputs === labels.length) {
    const columns = byOutput(labels);
    const lists = Object.entries(columns).map(([label, values]) => [label, Array.from(values)]);
    return { json: { scores: Object.fromEntries(lists) }, arrow: () => arrowOfScores(columns) };
  }
  const rows = Array.from({ length: predictions.length / outputs }, (_, row) =>
    Array.from(predictions.subarray(row * outputs, (row + 1) * outputs)),
  );
  const classes = Array.from({ length: outputs }, (_, k) => `class_${k}`);
  return { json: { scores: rows }, arrow: () => arrowOfScores(byOutput(classes)) };
}

function ranked(items: readonly RankedItem[]): Answer {
  return { json: { items }, arrow: () => arrowOfItems(items) };
}

function checkedCount(rows: unknown, { limits }: ServerSettings): number {
  const count = countOf(rows);
  if (count > limits.rows) throw tooManyRows(count, limits.rows);
  return count;
}
