import { ExecutionError } from "../errors.js";
import { type Addon, loadAddon } from "../native/addon.js";
import { BUILD_COMMAND } from "../native/find-core.js";

/** @throws ExecutionError if the native core, which ranks need, is not there */
export function nativeCore(): Addon {
  const loaded = loadAddon();
  if (loaded.addon) return loaded.addon;
  throw new ExecutionError({
    what: "ranks need the native core",
    got: loaded.reason,
    next: `Run \`${BUILD_COMMAND}\` on every machine.`,
  });
}
