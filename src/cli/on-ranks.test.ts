import { expect, it } from "vitest";
import { withHost } from "./on-ranks.js";

it.each([
  [
    "error: rank 1, input user, row 7: an id is out of range",
    "error: rank 1 (host b), input user, row 7: an id is out of range",
  ],
  ["error: rank 0: it failed", "error: rank 0 (host a): it failed"],
  ["error: rank 1 (host b): it failed", "error: rank 1 (host b): it failed"],
  ["error: model.rank 1: x", "error: model.rank 1: x"],
])("%s", (text, named) => {
  expect(withHost(text, ["a", "b"])).toBe(named);
});
