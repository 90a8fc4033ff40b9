import { type BigIntStats, closeSync, openSync, rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError, messageOf } from "../errors.js";
import { makeDirectories } from "../make-directories.js";

/** The file that lists refused rows. */
export const quarantineOf = (output: string): string => `${output}.quarantine.jsonl`;

/** The temporary file of the predictions, in the folder of the output, so that a rename publishes it. */
export const temporaryOf = (output: string): string => `${output}.${process.pid}.tmp`;

/**
 * Checks, before hours of scoring, that the output can be written, and that neither it nor its list of refused rows would
 * replace one of the files to score.
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

/** The real path of a file: links resolved, absolute. */
function isSameFile(a: string, b: string): boolean {
  const [x, y] = [a, b].map(statOf);
  return x !== undefined && y !== undefined && x.dev === y.dev && x.ino === y.ino;
}

/** `undefined` if the file does not exist, also if a part of its path is a file. */
function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

function tryWriting(output: string): void {
  try {
    makeDirectories(dirname(resolve(output)));
    closeSync(openSync(temporaryOf(output), "w"));
    rmSync(temporaryOf(output));
    if (statOf(output)) closeSync(openSync(output, "r+"));
  } catch (error) {
    throw cannotWrite(output, messageOf(error));
  }
}

function overInput(path: string, input: string): ConfigError {
  return new ConfigError({
    what: "the output would replace one of the files to score",
    where: "--output",
    got: path === input ? path : `${path}, which is ${input}`,
    expected: "a file that is not in --data",
    next: "Choose another name.",
  });
}

function cannotWrite(path: string, reason: string): ConfigError {
  return new ConfigError({
    what: "the output cannot be written",
    where: "--output",
    got: `${path}: ${reason}`,
    expected: "a file in a writable folder",
    next: "Choose another folder, or fix its permissions.",
  });
}
