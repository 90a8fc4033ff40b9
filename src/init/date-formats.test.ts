import { afterAll, beforeAll, expect, it } from "vitest";
import { scratchDirectory } from "../data/pack/owned-directory.js";
import { Duck, quoteText } from "../data/source/duckdb.js";
import { dateFormatOf } from "./date-formats.js";

let duck: Duck;
beforeAll(async () => {
  duck = await Duck.open(scratchDirectory());
});
afterAll(() => duck.close());

const TEXTS = [
  ...["1/31/2024", "31/1/2024 8:05", "31.12.1999 23:59:59", "31-12-2024", "2024/12/31 00:00", "20241231"],
  ...[
    "1/31/2024 12:00 AM",
    "1/31/2024 12:30 PM",
    "01/31/2024 1:05:09 pm",
    "20241231 08:15",
    "20241231235958",
  ],
  ...[
    "1-Jan-2024",
    "01-JAN-2024 10:00:00",
    "5 Sep 2023",
    "Sep 5, 2023 3:04 PM",
    "5 May 2023",
    "May 31, 2023",
  ],
  ...["31 December 2023", "December 31, 2023 11:59 PM", "Mon, 01 Jan 2024 03:04:05 GMT"],
  ...["Mon Jan 01 03:04:05 2024", "01/Jan/2024:03:04:05"],
];

it.each(TEXTS)("reads %s as DuckDB reads it in the same format", async (text) => {
  const { format, times } = dateFormatOf([text])!;
  const sql = `SELECT epoch_ms(strptime(${quoteText(text)}, ${quoteText(format)}))`;
  expect(String(times[0])).toBe((await duck.rows(sql, "the test"))[0][0]);
});

it.each(["1/31/2024 13:00 PM", "1/31/2024 0:10 AM", "31-Foo-2024", "2024123", "20240230", "32 May 2023"])(
  "is none: %s",
  (text) => expect(dateFormatOf([text])).toBeUndefined(),
);
