import { DataError, messageOf } from "../errors.js";
import type { RankedItem } from "../serve/rank.js";
import { parseUntrusted } from "../untrusted.js";
import { readArrow } from "./arrow-reader.js";
import { writeArrow } from "./arrow-writer.js";

/** The media type of a stream of Arrow. */
export const ARROW = "application/vnd.apache.arrow.stream";

/** A body of Arrow: the columns of the rows or items, and what the metadata of the schema says as JSON (`user`, `context`, `k`, `by`). */
export class ArrowBody {
  constructor(
    readonly columns: Readonly<Record<string, ArrayLike<unknown>>>,
    readonly request: Readonly<Record<string, unknown>>,
  ) {}
}

/** @throws DataError if it is no stream of Arrow that can be read */
export function parseArrow(bytes: Buffer, mostRows: number): ArrowBody {
  try {
    const { columns, metadata } = readArrow(bytes, mostRows);
    return new ArrowBody(columns, Object.fromEntries([...metadata].flatMap(memberOf)));
  } catch (error) {
    throw new DataError({
      what: "the body is not a stream of Arrow that can be read",
      where: "the body",
      got: messageOf(error),
      expected: "a schema and record batches with numbers, texts, booleans or lists of them",
      next: "Write the table as an IPC stream, without compression and dictionaries.",
    });
  }
}

export function arrowOfScores(scores: Readonly<Record<string, Float32Array>>): Uint8Array {
  return writeArrow(scores);
}

export function arrowOfItems(items: readonly RankedItem[]): Uint8Array {
  const [index, score] = [new Int32Array(items.length), new Float32Array(items.length)];
  items.forEach((item, i) => {
    index[i] = item.index;
    score[i] = item.score;
  });
  return writeArrow({ index, score });
}

const MEMBERS = ["user", "context", "k", "by"];

function memberOf([name, text]: [string, string]): [string, unknown][] {
  return MEMBERS.includes(name) ? [[name, parseUntrusted(text)]] : [];
}
