import type { Backend } from "../backends/backend.js";
import { chooseBackend } from "../backends/choose.js";
import { referenceBackend } from "../backends/reference/backend.js";
import { ExecutionError } from "../errors.js";
import { BUILD_COMMAND } from "../native/find-core.js";

export const BACKEND_NAMES = ["native", "reference"] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

export interface SelectedBackend {
  readonly backend: Backend;
  /** Why the reference backend was chosen without being requested. */
  readonly fallback?: string;
}

/**
 * Creates the backend of this name. Default: native if it is available, else reference.
 * @param threads of programs of the native backend that do not say how many they want
 * @throws ExecutionError if it is not available
 */
export function selectBackend(name?: BackendName, threads?: number): SelectedBackend {
  if (name === "reference") return { backend: referenceBackend };
  const chosen = chooseBackend(threads);
  if (name !== "native" || chosen.fallback === undefined) return chosen;
  throw new ExecutionError({
    what: "the native backend cannot be used",
    got: chosen.fallback,
    expected: "the native core, built for this machine",
    next: `Run \`${BUILD_COMMAND}\`, or leave --backend out.`,
  });
}

let warned = false;

/** {@link selectBackend} for programs: a backend that was chosen without being requested is warned of, once. */
export function selectBackendOrWarn(name?: BackendName): Backend {
  const { backend, fallback } = selectBackend(name);
  if (fallback !== undefined && !warned) {
    warned = true;
    process.emitWarning(
      `Using the reference backend, which is many times slower: ${fallback}. Run \`${BUILD_COMMAND}\` to build it.`,
      { type: "PairloomWarning", code: "PAIRLOOM_NO_NATIVE_CORE" },
    );
  }
  return backend;
}
