import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { dataSchema, type SourceInput } from "../data/data-config.js";
import { prepareData } from "../data/index.js";
import { featuresSchema } from "../features/schema/features.js";
import type { LabelKind } from "../features/targets.js";
import { refuseOneClass } from "./one-class.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-one-class-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function check(train: SourceInput, labels: LabelKind = "binary", label: string | string[] = "y") {
  const data = dataSchema.parse({ train, label, maxBadRows: 0.5, cacheDir: folder });
  const features = featuresSchema.parse([{ kind: "number", name: "x" }]);
  const prepared = await prepareData({ data, features, labels });
  refuseOneClass(prepared.splits.train, label, labels);
}
const rowsOf = (...labels: unknown[]) => labels.map((y, x) => ({ x, y, z: x % 2 }));

it("accepts two classes, and any number as a target", async () => {
  await check({ rows: rowsOf(0, 1, 0) });
  await check({ rows: rowsOf(0, 2, 0) }, { classes: 3 });
  await check({ rows: rowsOf(5, 5, 5) }, "real");
});

it("refuses one class, with the values of refused rows and sql that numbers the classes", async () => {
  await expect(check({ rows: rowsOf(0, 0) })).rejects.toThrow(/y is 0 in all 2 rows\n/);
  await expect(check({ rows: rowsOf(2, 2) }, { classes: 3 })).rejects.toThrow(/y is 2 in all 2 rows\n/);
  await expect(check({ rows: rowsOf(1, 1, 1) }, "binary", ["z", "y"])).rejects.toThrow(
    /y is 1 in all 3 rows/,
  );
  const rows = rowsOf(1, 1, 2, 1, 1);
  const error: Error = await check({ rows }).then(
    () => expect.unreachable(),
    (error) => error,
  );
  expect(error.message).toMatch(/y is 1 in all 4 rows; rows with 2 were refused/);
  const [sql] = /SELECT .* FROM source/.exec(error.message)!;
  await check({ rows, sql });
});
