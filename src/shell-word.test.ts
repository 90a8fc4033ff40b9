import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { shellWord } from "./shell-word.js";

const PLAIN = ["runs/shop-20260801", "./a_b.ts", "--set", "x=1", "a,b", "50%", "root@b:22"];
const SPECIAL = [
  "my shop/run 1",
  "it's",
  "$HOME",
  "`date`",
  "a;b",
  "*",
  "~",
  '"',
  "\\",
  "#1",
  "a&b",
  "!x",
  "a\nb",
  "",
  "é",
];

it("a shell reads words as they were", () => {
  const words = [...PLAIN, ...SPECIAL];
  const read = execFileSync("sh", ["-c", `printf '%s\\0' ${words.map(shellWord).join(" ")}`], {
    encoding: "utf8",
  });
  expect(read.split("\0").slice(0, -1)).toEqual(words);
});

it("leaves words without special characters as they are", () => {
  expect(PLAIN.map(shellWord)).toEqual(PLAIN);
});
