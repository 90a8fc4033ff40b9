import { buildCore } from "../../native/build.js";
import { command } from "../usage.js";

export const buildNative = command("build-native", {}, async () => {
  console.log("Building the native core, which takes a few minutes ...");
  console.log(`Native core: ${buildCore()}`);
});
