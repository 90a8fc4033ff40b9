import { ExecutionError } from "../errors.js";

/**
 * The outputs that a run returns: the requested ones, or all.
 * @throws ExecutionError if the graph lacks one
 */
export function wantedOutputs(known: readonly string[], wanted = known): ReadonlySet<string> {
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown === undefined) return new Set(wanted);
  throw new ExecutionError({
    what: "the graph has no such output",
    where: "RunRequest.outputs",
    got: unknown,
    expected: known.join(", "),
    next: "Name outputs of the graph, or leave `outputs` out.",
  });
}
