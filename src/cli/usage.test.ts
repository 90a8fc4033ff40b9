import { expect, it } from "vitest";
import { joinNegativeValues } from "./usage.js";

const ARGS = { id: { type: "string" }, force: { type: "boolean" }, run: { type: "positional" } } as const;

it.each([
  [
    ["runs/x", "--id", "-7"],
    ["runs/x", "--id=-7"],
  ],
  [
    ["--id", "-.5", "-1"],
    ["--id=-.5", "-1"],
  ],
  [
    ["--id=3", "-7"],
    ["--id=3", "-7"],
  ],
  [
    ["--id", "--force"],
    ["--id", "--force"],
  ],
  [
    ["--force", "-7"],
    ["--force", "-7"],
  ],
])("takes a negative number as the value of an option: %j", (args, joined) => {
  expect(joinNegativeValues(ARGS, args)).toEqual(joined);
});
