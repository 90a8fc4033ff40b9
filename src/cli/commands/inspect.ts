import { command } from "../usage.js";
export const inspect = command("inspect", "x", {}, async () => {});
