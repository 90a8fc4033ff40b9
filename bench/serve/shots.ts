import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import { ARROW } from "../../src/server/arrow.js";
import { rankRequest, rowsOf } from "../dlrm-kaggle.js";

/** A request, sent again and again. */
export interface Shot {
  readonly path: string;
  readonly body: string | Buffer;
  /** Default JSON. */
  readonly type?: string;
  readonly accept?: string;
}

/** A row to predict. */
export const onePrediction: Shot = { path: "/v1/predict", body: JSON.stringify({ rows: rowsOf(1) }) };

const request = rankRequest(50);

/** 50 items to rank; half of the features are the user's. */
export const ranking: Shot = { path: "/v1/rank", body: JSON.stringify(request) };

export const arrowRanking: Shot = { path: "/v1/rank", type: ARROW, accept: ARROW, body: arrowBody() };

function arrowBody(): Buffer {
  const { user, items } = request;
  const columns = Object.keys(items[0]).map((name) => {
    const values = items.map((item) => item[name]);
    return [name, name.startsWith("field") ? Int32Array.from(values) : Float64Array.from(values)];
  });
  const table = tableFromArrays(Object.fromEntries(columns));
  Object.assign(table.schema, { metadata: new Map([["user", JSON.stringify(user)]]) });
  return Buffer.from(tableToIPC(table, { format: "stream" })!);
}
