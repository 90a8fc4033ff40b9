import { ExecutionError } from "../errors.js";

type Load = () => Promise<object>;

let load: Load | undefined;

/**
 * Sets the module that `import … from "pairloom"` resolves to in config files. The package's entry points call this,
 * because the code that loads config files cannot import them.
 */
export function offerToConfigFiles(publicModule: Load): void {
  load = publicModule;
}

/** Returns the module; imports it on first use. */
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
