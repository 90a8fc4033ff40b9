import { selectBackend } from "../saved/backend.js";
import type { Order } from "./apart.js";
import { measure } from "./measure.js";

/* The other side of measureApart: takes one order, answers with its result, and ends. */

process.once("message", async ({ workload, settings }: Order) => {
  process.send!(await measure(workload, selectBackend().backend, settings), () => process.disconnect());
});
