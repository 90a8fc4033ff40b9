import { expect, it } from "vitest";
import { resolveConfig } from "../config/config.js";
import { fitFeatures } from "../features/fit.js";
import { carriedHistories } from "./histories.js";

const config = resolveConfig({
  data: {
    train: { path: "rows.csv", events: { clicks: { path: "events.csv", by: "user", time: "at" } } },
    label: "y",
  },
  features: [{ kind: "sequence", name: "items", sequence: "clicks", column: "clicks.item", hash: 9 }],
  model: { kind: "logisticRegression", features: ["items"] },
});
const model = { config, features: fitFeatures(config.features, { vocabularies: {}, numbers: {} }) };
/** Another version of the model finds the events of a row by another column, so that its store has a copy of them. */
const renamed = {
  ...model,
  config: resolveConfig({
    ...config,
    data: {
      ...config.data,
      train: { path: "rows.csv", events: { clicks: { path: "events.csv", by: "visitor", time: "at" } } },
    },
  }),
};

it("go on from the last version that could be used", async () => {
  const histories = carriedHistories(async () => ({ clicks: [{ user: 1, visitor: 2, at: 1, item: 1 }] }));
  const first = await histories(model, ({ stores }) => stores.clicks);
  const broken = histories(renamed, () => {
    throw new TypeError("cannot score");
  });
  await expect(broken).rejects.toThrow("cannot score");
  first.add({ user: 1, visitor: 2, at: 2, item: 2 });
  const next = await histories(renamed, ({ stores }) => stores.clicks);
  expect(next.withHistory({ visitor: 2, at: 9 })).toMatchObject({ "clicks.item": [1, 2] });
});
