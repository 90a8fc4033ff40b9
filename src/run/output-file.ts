import { type BigIntStats, closeSync, mkdirSync, openSync, rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError } from "../errors.js";

/** Where the rows that a prediction refuses are listed. */
export const quarantineOf = (output: string): string => `${output}.quarantine.jsonl`;

/** Where the predictions stand until they are whole: beside the output, so that a rename suffices. */
export const temporaryOf = (output: string): string => `${output}.${process.pid}.tmp`;

/**
 * Before hours of scoring: neither the output nor its list of refused rows is one of the files to score, which
 * would be lost, and the place can be written to.
 * @throws ConfigError
 */
export function checkOutput(output: string, inputs: readonly string[]): void {
  for (const path of [output, quarantineOf(output)]) {
    const clash = inputs.find((file) => isSameFile(file, path));
    if (clash !== undefined) throw overInput(path, clash);
    if (statOf(path)?.isDirectory()) throw cannotWrite(path, "a directory of this name is there");
  }
  tryWriting(output);
}

/** One file by any name: through links, relative or absolute. */
function isSameFile(a: string, b: string): boolean {
  const [x, y] = [a, b].map(statOf);
  return x !== undefined && y !== undefined && x.dev === y.dev && x.ino === y.ino;
}

/** `undefined` for what is not there, be it that a folder on the way is a file. */
function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

function tryWriting(output: string): void {
  try {
    mkdirSync(dirname(resolve(output)), { recursive: true });
    closeSync(openSync(temporaryOf(output), "w"));
    rmSync(temporaryOf(output));
    if (statOf(output)) closeSync(openSync(output, "r+"));
  } catch (error) {
    throw cannotWrite(output, (error as Error).message);
  }
}

function overInput(path: string, input: string): ConfigError {
  return new ConfigError({
    what: "the output would replace a file that is to be scored",
    where: "--output",
    got: path === input ? path : `${path}, which is ${input}`,
    expected: "a name that no file of --data has",
    next: "Choose another name.",
  });
}

function cannotWrite(path: string, reason: string): ConfigError {
  return new ConfigError({
    what: "the output cannot be written",
    where: "--output",
    got: `${path}: ${reason}`,
    expected: "a file in a folder that can be written to",
    next: "Choose another place, or mend the permissions.",
  });
}
