import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * With `train.seeds`, a run trains several members, one after the other: the same model, each with a seed of its own. The
 * model of the run is one graph with the parameters of all members, whose logits are the mean of theirs.
 */

/** The prefix of the parameters of member k in the model of the run, from 0. */
export const memberName = (k: number): string => `members.${k}`;

/** Those of a checkpoint; undefined if it has no members. */
export const memberNames = (members: readonly unknown[] | undefined): string[] | undefined =>
  members?.map((_, k) => memberName(k));

const OF_MEMBER = /^members\.(\d+)\./;

/** The name that a parameter of the model of the run has in the model of its member. */
export const nameInMember = (name: string): string => name.replace(OF_MEMBER, "");

/** The member that a parameter of the model of the run belongs to; undefined in a run without members. */
export function memberOf(name: string): number | undefined {
  const [, member] = OF_MEMBER.exec(name) ?? [];
  return member === undefined ? undefined : Number(member);
}

/** The directory of a member inside the run directory: a run directory, too. */
export const memberDirectory = (runDir: string, seed: number): string =>
  join(membersDirectory(runDir), `seed-${seed}`);

export const membersDirectory = (runDir: string): string => join(runDir, "members");

/** The directories of the members that a run has started, by seed. */
export function memberDirectories(runDir: string): string[] {
  const folder = membersDirectory(runDir);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.sort(inNumericOrder).map((name) => join(folder, name));
}

/** `seed-2` before `seed-10`. */
export const inNumericOrder = new Intl.Collator("en", { numeric: true }).compare;
