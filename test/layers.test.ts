import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const textOf = (path: string) => readFileSync(join(root, path), "utf8");

/** Files of a folder, without tests and without what only tests use. */
function filesOf(folder: string, extension: RegExp): string[] {
  const paths = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  const isTest = (path: string) =>
    /\.test\.ts$|(^|\/)testing\.ts$|^(build|bench|tests|cpu\/bench)\b/.test(path);
  return paths.filter((path) => extension.test(path) && !isTest(path)).map((path) => `${folder}/${path}`);
}

const sources = new Map(
  filesOf("src", /\.ts$/).map((path) => [
    path,
    ts.createSourceFile(path, textOf(path), ts.ScriptTarget.Latest, true),
  ]),
);

interface Arrow {
  readonly from: string;
  readonly to: string;
}

/** Imports and exports of other files, those of types included, and `import("…")` in code and in types. */
function importsOf(path: string, file: ts.SourceFile): Arrow[] {
  const arrows: Arrow[] = [];
  const visit = (node: ts.Node): void => {
    const named =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined;
    if (named && ts.isStringLiteral(named) && named.text.startsWith("."))
      arrows.push({ from: path, to: normalize(join(dirname(path), named.text)).replace(/\.js$/, ".ts") });
    ts.forEachChild(node, visit);
  };
  visit(file);
  return arrows;
}

function includesOf(path: string): Arrow[] {
  const names = [...textOf(path).matchAll(/^#include "([^"]+)"/gm)].map(([, name]) => name);
  return names.map((name) => ({ from: path, to: `native/${name}` }));
}

/** A file may import the public module that holds it: it means the module's namespace. */
const imports = [...sources]
  .flatMap(([path, file]) => importsOf(path, file))
  .filter(({ from, to }) => from !== to);
const includes = filesOf("native", /\.(cc|h|inc)$/).flatMap(includesOf);

interface Layer {
  readonly name: string;
  readonly paths: readonly string[];
  readonly mayImport: readonly string[];
}

/** The table of ARCHITECTURE.md, in its order. */
function layersOf(tree: "src" | "native"): Layer[] {
  const rows = textOf("ARCHITECTURE.md").matchAll(
    /^\| (ground: )?(`(?:src|native)\/.+?) \|.*\| (.*?) ?\|$/gm,
  );
  const layers = [...rows].map(([, ground, cell, allowed]) => {
    const paths = [...cell.matchAll(/`([^`]+)`/g)].map(([, path]) => path);
    const name = ground ? "ground" : paths[0].replace(/^(src|native)\//, "").replace(/\/$/, "");
    return { name, paths, mayImport: allowed.split(", ").filter((each) => each !== "") };
  });
  return layers.filter(({ paths }) => paths[0].startsWith(tree));
}

function upwardArrows(layers: readonly Layer[], arrows: readonly Arrow[]): string[] {
  const layerOf = (path: string) => layers.find(({ paths }) => paths.some((each) => path.startsWith(each)));
  return arrows.flatMap(({ from, to }) => {
    const [above, below] = [layerOf(from), layerOf(to)];
    if (!above || !below) return [`${above ? to : from} has no row in ARCHITECTURE.md`];
    const allowed = [above.name, ...above.mayImport, ...(above.name === "ground" ? [] : ["ground"])];
    return allowed.includes(below.name) ? [] : [`${from} -> ${to}`];
  });
}

/** Every file that can reach itself. */
function filesInCycles(arrows: readonly Arrow[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of arrows) next.set(from, [...(next.get(from) ?? []), to]);
  const reachedFrom = (start: string): Set<string> => {
    const reached = new Set<string>();
    const visit = (path: string): void => {
      for (const to of next.get(path) ?? []) {
        if (reached.has(to)) continue;
        reached.add(to);
        visit(to);
      }
    };
    visit(start);
    return reached;
  };
  return [...next.keys()].filter((path) => reachedFrom(path).has(path));
}

/** Functions of more lines than `most`, as `file name lines`. */
function longFunctions(files: Iterable<readonly [string, ts.SourceFile]>, most: number): string[] {
  const found: string[] = [];
  for (const [path, file] of files) {
    const lineOf = (position: number) => file.getLineAndCharacterOfPosition(position).line;
    const visit = (node: ts.Node): void => {
      const lines = lineOf(node.end) - lineOf(node.getStart()) + 1;
      if (ts.isFunctionLike(node) && "body" in node && node.body && lines > most)
        found.push(`${path} ${node.name?.getText() ?? "(unnamed)"} ${lines}`);
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return found;
}

describe.each([
  ["src", imports],
  ["native", includes],
] as const)("%s", (tree, arrows) => {
  it("has a row in ARCHITECTURE.md for every file, which imports only what stands above it in the table", () => {
    const layers = layersOf(tree);
    layers.forEach(({ mayImport }, i) => {
      expect(layers.slice(0, i).map(({ name }) => name)).toEqual(expect.arrayContaining([...mayImport]));
    });
    expect(arrows.length).toBeGreaterThan(100);
    expect(upwardArrows(layers, arrows)).toEqual([]);
  });

  it("has no cycle between files", () => {
    expect(filesInCycles(arrows)).toEqual([]);
  });
});

describe("functions", () => {
  it("have at most 60 lines", () => {
    expect(longFunctions(sources, 60)).toEqual([]);
  });

  it("have at most 40 lines in passes and in the trainer", () => {
    const strict = [...sources].filter(([path]) => /^src\/(passes\/|train\/[^/]+$)/.test(path));
    expect(longFunctions(strict, 40)).toEqual([]);
  });
});
