import { command } from "../usage.js";
export const evaluate = command("eval", "x", {}, async () => {});
