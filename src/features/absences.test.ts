import { expect, it } from "vitest";
import { type AbsenceCounts, Absences } from "./absences.js";

it("a feature whose name every object inherits is counted like others", () => {
  const absences = new Absences(3);
  for (const name of ["constructor", "age"]) {
    absences.mark(name, 0, "missing");
    absences.mark(name, 2, "unknown");
  }
  const counts: AbsenceCounts = {};
  for (const end of [2, 3]) absences.countInto(counts, 0, end);
  expect(JSON.parse(JSON.stringify(counts))).toEqual({
    constructor: { missing: 2, unknown: 1 },
    age: { missing: 2, unknown: 1 },
  });
});
