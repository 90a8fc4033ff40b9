import { isDeepStrictEqual } from "node:util";
import { CheckpointError, messageOf } from "../errors.js";
import { isAbsent } from "./disk.js";
import type { Manifest } from "./manifest.js";
import type { Table } from "./table-layout.js";

/** The manifest of a checkpoint of changes. */
type Delta = Manifest & { readonly base: NonNullable<Manifest["base"]> };

/** True if the checkpoint has only changes to another one. */
export const isDelta = (manifest: Manifest): manifest is Delta => manifest.base !== undefined;

/**
 * Checks that changes apply to a checkpoint: it must be the very one that they were written after, with the same tables.
 * @param where the checkpoint of changes
 * @throws CheckpointError
 */
export function checkBase({ base, step, tables }: Delta, found: Manifest, where: string): void {
  if (base.sha256 !== found.sha256 || base.step !== found.step)
    throw notTheBase(where, {
      got: `${base.checkpoint} of step ${found.step} with the SHA-256 ${found.sha256}`,
      expected: `step ${base.step} with the SHA-256 ${base.sha256}`,
    });
  if (found.step >= step)
    throw notTheBase(where, { got: `changes from step ${found.step} to ${step}`, expected: "a later step" });
  const [before, after] = [found.tables, tables].map(
    (all) => new Map(all.map((table) => [table.name, formOf(table)])),
  );
  const other = [...before.keys(), ...after.keys()].find(
    (name) => !isDeepStrictEqual(before.get(name), after.get(name)),
  );
  if (other === undefined) return;
  throw notTheBase(where, {
    got: `${other}, which is another table in ${base.checkpoint}, or not in both`,
    expected: "changes to the same tables",
  });
}

/** What stays the same between a base and its changes. */
const formOf = ({ name, rows, capacity, dim, dtype, slots, states, unknown, initial }: Table) => ({
  ...{ name, rows, capacity, dim, dtype, slots, unknown, initial },
  states: states.map((state) => ({ ...state, ranges: [] })).sort(byName),
});

const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1);

function notTheBase(where: string, found: { got: string; expected: string }): CheckpointError {
  return new CheckpointError({
    what: "the checkpoint holds changes to another checkpoint than the one that is there",
    where,
    ...found,
    next: "Copy both from the same run, or use another checkpoint.",
  });
}

/** The base of changes is not there: it may still come. */
export class AbsentBaseError extends CheckpointError {}

/** A checkpoint of changes whose base cannot be used. */
export function withoutBase({ base }: Delta, where: string, cause: unknown): CheckpointError {
  const report = {
    what: `the checkpoint holds changes to ${base.checkpoint}, which cannot be used`,
    where,
    got: messageOf(cause),
    expected: `${base.checkpoint} beside it`,
    next: "Copy the checkpoint together with those that it is based on, or use an older one.",
  };
  const isThere = !(cause instanceof Error) || !isAbsent(cause.cause);
  return new (isThere ? CheckpointError : AbsentBaseError)(report, { cause });
}
