import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Locked {
  readonly engines?: { readonly node?: string };
}

const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));

it("every package that npm ci installs runs on the oldest Node.js that Pairloom needs", () => {
  const oldest = Number(/\d+/.exec(json("package.json").engines.node)?.[0]);
  const packages: [string, Locked][] = Object.entries(json("package-lock.json").packages);
  const needing = packages.flatMap(([path, { engines }]) => {
    const ranges = engines?.node?.split("||") ?? [];
    const majors = ranges.map((range) => Number(/\d+/.exec(range)?.[0] ?? 0));
    return majors.length > 0 && Math.min(...majors) > oldest ? [`${path}: ${engines?.node}`] : [];
  });
  expect(needing).toEqual([]);
});

it("npm installs Pairloom on the systems that the native core runs on, and on no others", () => {
  expect(json("package.json").os).toEqual(["linux", "darwin", "win32"]);
  const docs = readFileSync("docs/install.md", "utf8");
  for (const platform of ["linux-x64-gnu", "darwin-arm64", "win32-x64"])
    expect(docs).toContain(`| \`@pairloom/core-${platform}\``);
});
