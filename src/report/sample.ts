import type { ColumnSet } from "../columns/columns.js";
import { joinRows, selectRows } from "../columns/select.js";
import { scanSource } from "../data/source/scan.js";
import { draw, drawKey } from "../random.js";
import type { SplitSource } from "../run/sources.js";
import type { TrainedModel } from "../saved/model.js";
import { metricSettings } from "../train/evaluate.js";

/** The draw of a row decides whether it is kept, so that the sample depends on nothing but the data. */
const SAMPLE_KEY = drawKey(0, 0x5a3b1e, 0);
const ALL_DRAWS = 2 ** 32;

/** Rows of a split in memory. */
export interface Sample {
  readonly columns: ColumnSet;
  /** Rows of the split; the sample has all of them, or a random part. */
  readonly splitRows: number;
}

interface Part {
  readonly columns: ColumnSet;
  /** The number of each row in the split. */
  readonly numbers: Uint32Array;
}

/**
 * At most `most` rows of a split with labels and weights, in the order of the split. A larger split gives a uniform random
 * sample of at least about half as many: each time too many rows are kept, half of them are dropped by their draws.
 * @throws DataError, ConfigError as `scanSource`
 */
export async function sampleRows(
  model: TrainedModel,
  { source, split }: SplitSource,
  where: string,
  most: number,
): Promise<Sample> {
  const { label, weight } = model.config.data;
  const { labels } = metricSettings(model.config).task;
  let [parts, kept, splitRows, limit]: [Part[], number, number, number] = [[], 0, 0, ALL_DRAWS];
  for await (const { columns } of scanSource(source, model.features, {
    where,
    label,
    labels,
    weight,
    split,
  })) {
    const numbers = Uint32Array.from({ length: columns.rows }, (_, row) => splitRows + row);
    splitRows += columns.rows;
    parts.push(below({ columns, numbers }, limit));
    kept += parts.at(-1)!.numbers.length;
    for (; kept > most; kept = rowsOf(parts)) {
      limit /= 2;
      parts = parts.map((part) => below(part, limit));
    }
  }
  return { columns: joinRows(parts.map((part) => part.columns)), splitRows };
}

/** The rows whose draws are below the limit. */
function below({ columns, numbers }: Part, limit: number): Part {
  const rows = Uint32Array.from(numbers.keys()).filter((row) => draw(SAMPLE_KEY, numbers[row]) < limit);
  return { columns: selectRows(columns, rows), numbers: rows.map((row) => numbers[row]) };
}

const rowsOf = (parts: readonly Part[]) => parts.reduce((sum, { numbers }) => sum + numbers.length, 0);
