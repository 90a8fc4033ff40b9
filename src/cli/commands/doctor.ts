import { command } from "../usage.js";
export const doctor = command("doctor", "x", {}, async () => {});
