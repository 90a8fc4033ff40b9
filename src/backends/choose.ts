import { loadAddon } from "../native/addon.js";
import type { Backend } from "./backend.js";
import { nativeBackend } from "./native/backend.js";
import { referenceBackend } from "./reference/backend.js";

/**
 * Returns the native backend if its core is installed or built, else the reference backend and the reason.
 * @throws ExecutionError if the installed core is of another version
 */
export function chooseBackend(): { readonly backend: Backend; readonly fallback?: string } {
  const loaded = loadAddon();
  return loaded.addon
    ? { backend: nativeBackend(loaded.addon) }
    : { backend: referenceBackend, fallback: loaded.reason };
}
