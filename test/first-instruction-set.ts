import { loadAddon } from "../src/native/addon.js";

/** Before each test file: a file before it in the same process may have chosen another instruction set. */
const { addon } = loadAddon();
addon?.selectIsa(addon.isas()[0]);
