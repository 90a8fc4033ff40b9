import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { Config } from "../../config/config.js";
import { selectBackend } from "../../saved/backend.js";
import type { RunEvent } from "../run-event.js";
import type { ContinueOptions } from "./options.js";

/** The tests of a file run in a folder of their own. */
export function inTemporaryFolder(): void {
  const before = process.cwd();
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pairloom-continue-"));
    process.chdir(folder);
  });
  afterAll(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true, force: true });
  });
}

const { backend } = selectBackend();

/** A run below the folder of a name, which goes on until its data ends. */
export const runIn = (
  name: string,
  config: Config,
  listener: (event: RunEvent) => void = () => undefined,
): ContinueOptions => ({
  config,
  runDir: `${name}/run`,
  backend,
  signal: new AbortController().signal,
  untilEnd: true,
  listener,
});
