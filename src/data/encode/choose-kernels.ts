import { type Addon, loadAddon } from "../../native/addon.js";
import { duckLibrary } from "../source/duckdb.js";
import type { ColumnKernels } from "./column-kernels.js";
import { nativeKernels } from "./native-kernels.js";
import { plainKernels } from "./plain-kernels.js";

/** The fastest kernels available. */
export function chooseKernels(): ColumnKernels {
  const { addon } = loadAddon();
  return addon && readsInPlace(addon) ? nativeKernels(addon) : plainKernels;
}

/** True if the native core can read DuckDB's vectors. */
export function readsInPlace(addon: Addon): boolean {
  const library = duckLibrary();
  return library !== undefined && addon.useDuckdb(library);
}
