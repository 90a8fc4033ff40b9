import { command } from "../usage.js";
export const predict = command("predict", "x", {}, async () => {});
