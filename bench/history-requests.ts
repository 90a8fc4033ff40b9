import { selectBackend } from "../src/saved/backend.js";
import { Predictor } from "../src/serve/predictor.js";
import { untrainedModel } from "../src/serve/testing.js";
import { callTimes, quantile } from "./call-times.js";
import { type Figure, inRounds, micro, spread } from "./figure.js";

const EVENTS = 500;
const HISTORY = Array.from({ length: EVENTS }, (_, i) => (i * 7919) % 5000);
const TABLES = { hashed: { hash: 100_000 }, dynamic: { dynamic: { capacity: 100_000 } } };
const WARM_UP_CALLS = 20;

/** Requests of a service with a history of 500 events, on the calling thread and with all transforms. */
export const historyRequests: Figure = {
  title: `requests with a history of ${EVENTS} events, p50 of a call in microseconds`,
  async run({ rounds, seconds }) {
    const cases = Object.entries(TABLES).flatMap(([table, settings]) =>
      [1, 100].map((items) => ({
        name: `${table} table, ${items} items`,
        items,
        predictor: predictorOf(settings),
      })),
    );
    const results = await inRounds(cases, rounds, async ({ predictor, items }) => {
      const rows = Array.from({ length: items }, (_, item) => ({ item }));
      const shared = { user: 1, clicks: HISTORY };
      const full = rows.map((row) => ({ ...row, ...shared }));
      const calls = [() => predictor.predict(full), () => predictor.rank({ user: shared, items: rows })];
      return calls.map((call) => quantile(callTimes(call, seconds / 2, WARM_UP_CALLS), 0.5));
    });
    const column = (each: (typeof cases)[number], i: number) =>
      spread(
        results.get(each)!.map((times) => times[i]),
        micro,
      );
    return {
      head: ["request", "predict full rows", "rank"],
      rows: cases.map((each) => [each.name, column(each, 0), column(each, 1)]),
    };
  },
};

function predictorOf(table: object): Predictor {
  const config = {
    data: { train: { path: "none.csv" }, label: "y" },
    features: [
      { kind: "id", name: "item", ...table },
      { kind: "id", name: "user", hash: 1000 },
      { kind: "sequence", name: "clicks", embedding: "item", ...table },
    ],
    model: {
      kind: "deepfm",
      embeddingDim: 32,
      wide: { features: ["user", "item"] },
      deep: {
        features: ["user", "item"],
        sequences: [{ kind: "din", query: ["item"], columns: ["clicks"], mlp: { hiddenUnits: [64, 32] } }],
        mlp: { hiddenUnits: [256, 128] },
      },
    },
  };
  return new Predictor(untrainedModel(config, selectBackend().backend));
}
