import { checksumOf } from "../columns/checksum.js";
import type { ScanBatch } from "../data/source/scan.js";
import { together } from "../distributed/agree.js";
import type { World } from "../distributed/world.js";

/**
 * The batches that each rank reads, once all have read the same one.
 * @throws what reading throws on any rank; ExecutionError on all ranks if one has other rows
 */
export async function* readTogether(
  world: World,
  batches: AsyncGenerator<ScanBatch, void>,
): AsyncGenerator<ScanBatch, void> {
  const next = async () => (await batches.next()).value ?? undefined;
  try {
    for (;;) {
      const batch = await together(world, next, (read) => ({ "the rows of the data": rowsText(read) }));
      if (!batch) return;
      yield batch;
    }
  } finally {
    await batches.return();
  }
}

function rowsText(batch: ScanBatch | undefined): string {
  if (!batch) return "no more rows";
  const { columns, rowNumbers, bad, malformedRows } = batch;
  if (columns.rows === 0) return `${bad.length + malformedRows.length} refused rows and no others`;
  return `rows ${rowNumbers[0]} to ${rowNumbers.at(-1)} with the checksum ${checksumOf(columns)}`;
}
