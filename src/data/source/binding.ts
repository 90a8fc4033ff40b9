import { createRequire } from "node:module";
import { ExecutionError, messageOf } from "../../errors.js";

/**
 * A package of DuckDB. An ES import of one that is missing or broken would end the process without a word on what to
 * do, so every use goes through here.
 * @throws ExecutionError where it cannot be loaded
 */
export function requireDuckdb<Package>(name: string): Package {
  try {
    return createRequire(import.meta.url)(name) as Package;
  } catch (error) {
    throw notLoaded(name, error);
  }
}

/** DuckDB's C interface. */
export const duckdb = requireDuckdb<typeof import("@duckdb/node-bindings")>("@duckdb/node-bindings");

function notLoaded(name: string, cause: unknown): ExecutionError {
  return new ExecutionError(
    {
      what: "DuckDB, which reads the data, cannot be loaded",
      where: name,
      got: messageOf(cause).split("\n")[0],
      expected: `its native library for ${process.platform} ${process.arch}, an optional dependency of the package`,
      next: "Install again with npm ci or npm install, without --omit=optional.",
    },
    { cause },
  );
}
