import { loadAddon } from "../native/addon.js";
import type { Backend } from "./backend.js";
import { nativeBackend } from "./native/backend.js";
import { referenceBackend } from "./reference/backend.js";

/**
 * Returns the native backend if its core is installed or built, else the reference backend and the reason.
 * @param threads of programs of the native backend that do not say how many they want
 * @throws ExecutionError if the installed core is of another version
 */
export function chooseBackend(threads?: number): { readonly backend: Backend; readonly fallback?: string } {
  const loaded = loadAddon();
  return loaded.addon
    ? { backend: nativeBackend(loaded.addon, threads) }
    : { backend: referenceBackend, fallback: loaded.reason };
}
