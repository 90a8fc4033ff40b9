import { expect, it } from "vitest";
import { startedCommand } from "./started-command.js";

it.each([
  ["-n 2 train c.ts --help", "train c.ts --help"],
  ["-n2 --hosts a,b train", "train"],
  ["--hosts=a,b -n 2 eval runs/x --hosts c", "eval runs/x --hosts c"],
  ["-n 2 --help", ""],
  ["--help -n 2 train", "train"],
  ["", ""],
])("launch %s starts: %s", (args, started) => {
  expect(startedCommand(args.split(" ").filter(Boolean)).join(" ")).toBe(started);
});
