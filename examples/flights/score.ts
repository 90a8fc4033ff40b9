import { load } from "pairloom";
import type config from "./pairloom.config.js";

/**
 * Uses a trained model in a program: `load` opens a run directory, `predict` scores plain objects, typed by the config.
 *
 *   npm start                                                     train, then run this file
 *   node --import jiti/register examples/flights/score.ts <run>   use any run of this example
 */
const model = await load<typeof config>(process.argv[2] ?? "runs/latest");

// Only what is known when the plane leaves the gate; the hour is that of the actual departure. Monday is weekday 1.
const flights = [
  { hour: 7, weekday: 2, month: 6, distance: 679, origin: "SEA", destination: "SFO" },
  { hour: 18, weekday: 5, month: 6, distance: 733, origin: "ORD", destination: "LGA" },
  { hour: 12, weekday: 7, month: 6, distance: 925, origin: "LAX", destination: "SEA" },
];

const late = model.predict(flights);
console.log(
  "\nThese planes leave now. Scored in this process with the reloaded model (examples/flights/score.ts):",
);
flights.forEach(({ hour, weekday, origin, destination }, i) => {
  const day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][weekday - 1];
  const chance = `${(100 * late[i]).toFixed(0).padStart(2)} %`;
  console.log(
    `  ${origin} to ${destination}, ${day} ${String(hour).padStart(2)}:00   ${chance} to land 15 minutes late or more`,
  );
});
console.log("\nTry next: edit examples/flights/pairloom.config.ts, then npm start again.");
