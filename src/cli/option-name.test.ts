import { expect, it } from "vitest";
import { optionName, withOptionNames } from "./option-name.js";

it("options are named as people type them", () => {
  expect(["n", "threads", "until-end"].map(optionName)).toEqual(["-n", "--threads", "--until-end"]);
});

it.each([
  ["Missing required argument: --n", "Missing required argument: -n"],
  ["Option '-n, --n <value>' argument missing", "Option '-n <value>' argument missing"],
  ["Unknown option '--name'", "Unknown option '--name'"],
  ["Unknown option '--n-ranks'", "Unknown option '--n-ranks'"],
])("%s: %s", (message, named) => {
  expect(withOptionNames(message)).toBe(named);
});
