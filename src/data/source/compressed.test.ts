import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DataError } from "../../errors.js";
import { featuresSchema } from "../../features/schema/features.js";
import { dataSchema } from "../data-config.js";
import { prepareData } from "../prepare.js";
import { verifyCompressed } from "./compressed.js";
import { Duck, quoteText } from "./duckdb.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-compressed-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function verify(name: string, content: Buffer): Promise<void> {
  const path = join(folder, name);
  writeFileSync(path, content);
  return verifyCompressed([{ path, bytes: content.length, modified: 0 }], "data.train");
}

const lines = Array.from({ length: 50_000 }, (_, i) => `u${(i * 7919) % 100_003},${i % 2}\n`);
const text = `user,y\n${lines.join("")}`;

it("takes whole gzip files, of several members too, and refuses a part of one", async () => {
  const whole = gzipSync(text);
  await verify("whole.csv.gz", whole);
  await verify("two.csv.gz", Buffer.concat([whole, gzipSync("a,1\n")]));
  for (const length of [20, whole.length >> 1, whole.length - 1])
    await expect(verify("part.csv.gz", whole.subarray(0, length))).rejects.toThrow(
      /data\.train\.path: [\s\S]*part\.csv\.gz: unexpected end/,
    );
  const wrong = Buffer.from(whole);
  wrong[wrong.length - 6] ^= 1; // The checksum.
  await expect(verify("wrong.csv.gz", wrong)).rejects.toThrow(DataError);
});

it("takes whole zstd files and refuses every part of one", async () => {
  const path = join(folder, "made.csv.zst");
  const duck = await Duck.open("");
  await duck.run(
    `COPY (SELECT md5(i::VARCHAR) AS user, i % 2 AS y FROM range(20000) r(i)) TO ${quoteText(path)}`,
    "test",
  );
  duck.close();
  const whole = readFileSync(path);
  await verify("whole.csv.zst", whole);
  await verify("two.csv.zst", Buffer.concat([whole, whole]));
  const lengths = [5, 1000, whole.length >> 1, whole.length - 1, whole.length + 6];
  for (const length of lengths)
    await expect(verify("part.csv.zst", Buffer.concat([whole, whole]).subarray(0, length))).rejects.toThrow(
      /truncated/,
    );
});

it("stops packing a file that is truncated", async () => {
  const path = join(folder, "cut.csv.gz");
  const whole = gzipSync(text);
  writeFileSync(path, whole.subarray(0, whole.length * 0.6));
  const data = dataSchema.parse({ train: { path }, label: "y", maxBadRows: 1, cacheDir: folder });
  const features = featuresSchema.parse([{ kind: "id", name: "user", hash: 10 }]);
  await expect(prepareData({ data, features })).rejects.toThrow(/truncated[\s\S]*unexpected end/);
});
