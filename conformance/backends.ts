import type { Backend } from "../src/backends/backend.js";
import { nativeBackend } from "../src/backends/native/backend.js";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { loadAddon } from "../src/native/addon.js";

const { addon } = loadAddon();

/** The instruction sets of the native core on this machine; none where it has not been built. */
export const ISAS: readonly string[] = addon?.isas() ?? [];

/** The native backend for programs that are compiled before the next call. */
export function nativeOn(isa: string): Backend {
  addon!.selectIsa(isa);
  return nativeBackend(addon!);
}

/** Every backend that this machine can run. */
export const BACKENDS: readonly { readonly name: string; readonly use: () => Backend }[] = [
  { name: "reference", use: () => referenceBackend },
  ...ISAS.map((isa) => ({ name: `native ${isa}`, use: () => nativeOn(isa) })),
];
