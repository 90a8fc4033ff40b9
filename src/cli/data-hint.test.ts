import { expect, it } from "vitest";
import { ConfigError, DataError, type PairloomError } from "../errors.js";
import { withDataHint } from "./data-hint.js";

const nextOf = (error: PairloomError, sql?: string) =>
  (withDataHint(error, sql) as PairloomError).report.next;

it("hints for data of the command line do not ask for another config", () => {
  const column = new ConfigError({
    what: "the source --data has no such column",
    got: "item",
    next: "Correct.",
  });
  expect(nextOf(column)).toMatch(/--sql/);
  const binder = new DataError({ what: "DuckDB refused the query", got: "Binder Error: x", next: "Check." });
  expect(nextOf(binder)).toMatch(/give a SELECT of the feature columns with --sql/);
  expect(nextOf(binder, "SELECT x FROM source")).toBe("Check.");
  expect(withDataHint("other", undefined)).toBe("other");
});
