import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { type ErrorReport, ExecutionError, PairloomError } from "../errors.js";
import { gatherJson, type World } from "./world.js";

/** What must be equal on all ranks, by what it is. */
export type Facts = Readonly<Record<string, string>>;

/** A fact: a short fingerprint of a value, as JSON has it. */
export const fingerprintOf = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);

/**
 * Compares what must be equal on all ranks.
 * @throws ExecutionError on every rank, naming the first that differs from rank 0
 */
export async function agree(world: World, facts: Facts): Promise<void> {
  await together(
    world,
    async () => facts,
    (own) => own,
  );
}

/**
 * Does something on every rank, and compares what must be equal of the results. Where it fails on one rank, it fails on all, so
 * that nobody waits for that rank, and each can clean up.
 * @throws the error of the first rank that has one: on that rank as it is, on others as an ExecutionError that names the rank.
 * Errors that are not of Pairloom are thrown by their own rank alone, which ends the others
 */
export async function together<T>(
  world: World,
  work: () => Promise<T>,
  factsOf: (done: T) => Facts = () => ({}),
): Promise<T> {
  if (world.size === 1) return work();
  const own = await outcomeOf(work);
  const told = "error" in own ? { failed: own.error.report, facts: {} } : { facts: factsOf(own.done) };
  const all = await gatherJson<Told>(world, { host: hostname(), ...told });
  const first = all.findIndex(({ failed }) => failed);
  if (first >= 0) throw first === world.rank && "error" in own ? own.error : failedOn(first, all[first]);
  refuseDifferent(all);
  return (own as { done: T }).done;
}

async function outcomeOf<T>(work: () => Promise<T>): Promise<{ done: T } | { error: PairloomError }> {
  try {
    return { done: await work() };
  } catch (error) {
    if (!(error instanceof PairloomError)) throw error;
    return { error };
  }
}

/** What a rank tells the others of its work. */
interface Told {
  readonly host: string;
  readonly failed?: ErrorReport;
  readonly facts: Facts;
}

function refuseDifferent(all: readonly Told[]): void {
  for (const [rank, { host, facts }] of all.entries())
    for (const [name, value] of Object.entries(all[0].facts))
      if (facts[name] !== value)
        throw new ExecutionError({
          what: `the ranks differ in ${name}`,
          where: rankText(rank, host),
          got: facts[name],
          expected: `${value}, as on rank 0`,
          next: "Install the same version of Pairloom and put the same files on every machine, then start again.",
        });
}

function failedOn(rank: number, { host, failed }: Told): ExecutionError {
  const where = [rankText(rank, host), failed?.where].filter((part) => part !== undefined).join(", ");
  return new ExecutionError({ ...failed!, where });
}

/** A rank in messages. */
export const rankText = (rank: number, host: string) => `rank ${rank} (host ${host})`;
