import type { Backend, Executable } from "../backends/backend.js";
import type { NativeExecutable } from "../backends/native/backend.js";
import type { ColumnSet } from "../columns/columns.js";
import { type Profile, summarize } from "../profile/profile.js";
import { INFERENCE_BATCH } from "../train/evaluate.js";

const CALLS = 3;

/** Where the time of scoring goes, by instruction, in three passes over rows; undefined if the backend does not tell. */
export async function slowestInstructions(
  executable: Executable,
  { backend, threads }: { readonly backend: Backend; readonly threads: number },
  { columns, rows }: ColumnSet,
): Promise<Profile | undefined> {
  if (!tellsTimes(executable) || !backend.ceilings) return undefined;
  const batch = Math.min(INFERENCE_BATCH, rows);
  const count = rows - (rows % batch);
  const request = { columns, rows, start: 0, count, batch, seed: 0, firstStep: 0, scalars: new Map() };
  const calls = [];
  for (let call = 0; call < CALLS; call++) {
    executable.startProfile();
    const started = performance.now();
    await executable.run(request);
    calls.push({ nanoseconds: 1e6 * (performance.now() - started), profile: executable.profile() });
  }
  return summarize(calls, { steps: count / batch, batch, threads }, backend.ceilings(threads));
}

const tellsTimes = (executable: Executable): executable is NativeExecutable => "startProfile" in executable;
