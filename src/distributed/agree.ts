import { ExecutionError } from "../errors.js";
import { gatherJson, type World } from "./world.js";

/**
 * Compares what must be equal on all ranks.
 * @param facts by what they are
 * @throws ExecutionError on every rank, naming the first that differs from rank 0
 */
export async function agree(world: World, facts: Readonly<Record<string, string>>): Promise<void> {
  const all = await gatherJson(world, facts);
  for (const [rank, each] of all.entries())
    for (const [name, value] of Object.entries(all[0]))
      if (each[name] !== value)
        throw new ExecutionError({
          what: `the ranks differ in ${name}`,
          where: `rank ${rank}`,
          got: each[name],
          expected: `${value}, as on rank 0`,
          next: "Install the same version of Pairloom and put the same files on every machine, then start again.",
        });
}
