// Builds the native core of a clone, as part of `npm ci`. Never fails an installation: without the core, Pairloom runs
// on the reference backend.
import { relative } from "node:path";
import { buildCore } from "../dist/native/build.js";

try {
  console.log(`Native core: ${relative(process.cwd(), buildCore())}`);
} catch (error) {
  console.warn(`Pairloom will run on the reference backend, which is many times slower.\n${error.message}`);
}
