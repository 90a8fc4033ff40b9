import { expectTypeOf, it } from "vitest";
import { defineConfig } from "../config/config.js";
import type { Predictor } from "./predictor.js";
import type { LabelOf, RowOf } from "./row.js";

it("rows have the columns that features read, computed ones included", () => {
  const config = defineConfig({
    data: { train: { rows: [] }, label: "y" },
    features: [
      { kind: "id", name: "user", hash: 10 },
      { kind: "number", name: "age" },
      { kind: "lookup", name: "clicks", map: "counts", key: { feature: "user" } },
      { kind: "match", name: "pairs", map: { column: "nested" }, primary: "*", secondary: "brand" },
      {
        kind: "expression",
        name: "sum",
        variables: { a: "left", b: { column: "right" } },
        expression: "a + b",
      },
      { kind: "targetMean", name: "rate", columns: ["route", { feature: "user" }, { column: "hour" }] },
      { kind: "overlap", name: "same", query: "q", title: "t", method: "is_equal" },
    ],
    model: { kind: "logisticRegression", features: ["user"] },
  });
  type Row = RowOf<typeof config>;
  expectTypeOf<keyof Row>().toEqualTypeOf<
    "user" | "age" | "counts" | "nested" | "brand" | "left" | "right" | "route" | "hour" | "q" | "t"
  >();
  expectTypeOf<Row["age"]>().toEqualTypeOf<number | null>();
  expectTypeOf<{ k: number }>().toExtend<Row["counts"]>();
});

it("labels are those of the config, and predictions by label have just these", () => {
  const features = [{ kind: "number", name: "age" }] as const;
  const model = { kind: "logisticRegression", features: ["age"] } as const;
  const one = defineConfig({ data: { train: { rows: [] }, label: "y" }, features, model });
  const two = defineConfig({ data: { train: { rows: [] }, label: ["click", "buy"] }, features, model });
  expectTypeOf<LabelOf<typeof one>>().toEqualTypeOf<"y">();
  expectTypeOf<LabelOf<typeof two>>().toEqualTypeOf<"click" | "buy">();
  expectTypeOf<LabelOf<unknown>>().toEqualTypeOf<string>();
  type Predictions = ReturnType<Predictor<RowOf<typeof two>, LabelOf<typeof two>>["predictLabels"]>;
  expectTypeOf<Predictions>().toEqualTypeOf<Readonly<Record<"click" | "buy", Float32Array>>>();
});
