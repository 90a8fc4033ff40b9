import { ExecutionError } from "../errors.js";

type Load = () => Promise<object>;

let load: Load | undefined;

/**
 * Says which module `import … from "pairloom"` means inside config files. The entry points of the package call this:
 * the module stands above everything that loads config files.
 */
export function offerToConfigFiles(publicModule: Load): void {
  load = publicModule;
}

/** The module, imported at its first use. */
export function publicModule(): Promise<object> {
  if (load) return load();
  throw new ExecutionError({
    what: "config files cannot be loaded before an entry point of the package",
    where: "pairloom",
    got: "an import of one of its inner files",
    expected: 'import … from "pairloom" or "pairloom/serve"',
    next: "Import the package by its name first.",
  });
}
