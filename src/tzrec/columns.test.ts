import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { prepareData } from "../data/index.js";
import { importPipeline } from "./import-config.js";

/** Columns of types that TorchEasyRec recommends, read by imported features. */
const folder = mkdtempSync(join(tmpdir(), "pairloom-columns-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  const duck = await (await DuckDBInstance.create()).connect();
  const columns = `i % 2 AS y, 'oslo' AS city, 'x' AS brand, MAP {'a': 0.5, 'b': i::DOUBLE} AS tags,
    MAP {'oslo': MAP {'x': i::DOUBLE + 1}} AS nested, MAP {'oslo': i::DOUBLE} AS clicks`;
  await duck.run(`COPY (SELECT ${columns} FROM range(4) t(i)) TO '${folder}/rows.parquet' (FORMAT parquet)`);
  writeFileSync(join(folder, "rows.csv"), "y,ids\n0,7\n1,3\n0,1|5\n1,2|2\n");
});

async function columnsOf(type: string, file: string, features: string, names: string) {
  const text = `train_input_path: "${folder}/${file}"
    train_config { num_epochs: 1 dense_optimizer { adam_optimizer {} } sparse_optimizer { adagrad_optimizer {} } }
    data_config { dataset_type: ${type} with_header: true fg_mode: FG_DAG label_fields: "y" }
    ${features}
    model_config { feature_groups { group_name: "all" group_type: DEEP feature_names: ${names} }
      dcn_v2 { cross {} final { hidden_units: 4 } } }`;
  const { config } = importPipeline(text, "p.config");
  const data = { ...config.data, cacheDir: join(folder, "cache") };
  const { splits } = await prepareData({ data, features: config.features });
  expect(splits.train.rows).toBe(4);
  return splits.train.columns;
}

it("reads ids, weights and values from MAP columns", async () => {
  const features = `
    feature_configs { id_feature { feature_name: "tags" expression: "u:tags" weighted: true vocab_list: ["a", "b"] embedding_dim: 4 } }
    feature_configs { match_feature { feature_name: "match" nested_map: "u:nested" pkey: "u:city" skey: "u:brand" } }
    feature_configs { lookup_feature { feature_name: "lookup" map: "u:clicks" key: "u:city" } }`;
  const columns = await columnsOf("ParquetDataset", "rows.parquet", features, '["tags", "match", "lookup"]');
  expect(columns.get("tags")).toMatchObject({
    kind: "ids",
    values: Int32Array.of(0, 1, 0, 1, 0, 1, 0, 1),
    weights: Float32Array.of(0.5, 0, 0.5, 1, 0.5, 2, 0.5, 3),
  });
  const numbers = (name: string) => {
    const { data, offset, stride } = columns.get(name) as {
      data: Float32Array;
      offset: number;
      stride: number;
    };
    return [0, 1, 2, 3].map((row) => data[offset + row * stride]);
  };
  expect(numbers("match")).toEqual([1, 2, 3, 4]);
  expect(numbers("lookup")).toEqual([0, 1, 2, 3]);
});

it("reads several ids per cell of a CSV file by num_buckets", async () => {
  const ids =
    'feature_configs { id_feature { feature_name: "ids" expression: "u:ids" separator: "|" num_buckets: 9 embedding_dim: 4 } }';
  const columns = await columnsOf("CsvDataset", "rows.csv", ids, '["ids"]');
  expect(columns.get("ids")).toMatchObject({ kind: "ids", values: Int32Array.of(7, 3, 1, 5, 2, 2) });
});
