import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const textOf = (path: string) => readFileSync(join(root, path), "utf8");

/** Tests, what only tests use, and what is built. */
const OUTSIDE = {
  src: /\.test\.ts$|(^|\/)testing\.ts$/,
  native: /^(build[^/]*|tests|cpu\/bench)\//,
};

function filesOf(tree: keyof typeof OUTSIDE, extension: RegExp): string[] {
  const paths = readdirSync(join(root, tree), { recursive: true, encoding: "utf8" });
  return paths
    .filter((path) => extension.test(path) && !OUTSIDE[tree].test(path))
    .map((path) => `${tree}/${path}`);
}

const sources = new Map(
  filesOf("src", /\.[cm]?ts$/).map((path) => [
    path,
    ts.createSourceFile(path, textOf(path), ts.ScriptTarget.Latest, true),
  ]),
);

interface Arrow {
  readonly from: string;
  readonly to: string;
}

/**
 * The files that a file names: in imports and exports, those of types included, in `import("…")` and `require("…")`, or in
 * any other text that is the relative path of one.
 */
function importsOf(path: string, file: ts.SourceFile): Arrow[] {
  const named = file.referencedFiles.map(({ fileName }) => fileName);
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && (node.text.startsWith(".") || isImported(node)))
      named.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return named
    .map((name) => targetOf(path, name))
    .filter((to) => to !== undefined)
    .map((to) => ({ from: path, to }));
}

/** Whether a text is the operand of an import, export or call. */
function isImported({ parent }: ts.Node): boolean {
  return (
    ts.isImportDeclaration(parent) ||
    ts.isExportDeclaration(parent) ||
    ts.isExternalModuleReference(parent) ||
    (ts.isLiteralTypeNode(parent) && ts.isImportTypeNode(parent.parent)) ||
    ts.isCallExpression(parent)
  );
}

/** The source file that a text names, if it is one; the package's own names lead to its public modules. */
function targetOf(from: string, name: string): string | undefined {
  const own = /^pairloom(?:\/(\w+))?$/.exec(name);
  const path = own
    ? `src/${own[1] ?? "index"}.ts`
    : normalize(join(dirname(from), name)).replace(/js$/, "ts");
  return (own || name.startsWith(".")) && sources.has(path) ? path : undefined;
}

const nativeFiles = filesOf("native", /\.(cc|h|inc|def)$/);

function includesOf(path: string): Arrow[] {
  const names = [...textOf(path).matchAll(/^\s*#\s*include\s*["<]([^">]+)[">]/gm)];
  return names
    .map(([, name]) => ({ from: path, to: `native/${name}` }))
    .filter(({ to }) => nativeFiles.includes(to));
}

/** A file may import the public module that holds it: it means the module's namespace. */
const imports = [...sources]
  .flatMap(([path, file]) => importsOf(path, file))
  .filter(({ from, to }) => from !== to);
const includes = nativeFiles.flatMap(includesOf);

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

const layerOf = (layers: readonly Layer[], path: string) =>
  layers.find(({ paths }) => paths.some((each) => path.startsWith(each)));

function upwardArrows(layers: readonly Layer[], arrows: readonly Arrow[]): string[] {
  return arrows.flatMap(({ from, to }) => {
    const [above, below] = [layerOf(layers, from)!, layerOf(layers, to)!];
    const allowed = [above.name, ...above.mayImport, ...(above.name === "ground" ? [] : ["ground"])];
    return allowed.includes(below.name) ? [] : [`${from} -> ${to}`];
  });
}

/** What the table allows and no file needs. */
function unusedArrows(layers: readonly Layer[], arrows: readonly Arrow[]): string[] {
  const used = new Set(
    arrows.map(({ from, to }) => `${layerOf(layers, from)!.name} -> ${layerOf(layers, to)!.name}`),
  );
  return layers
    .flatMap(({ name, mayImport }) => mayImport.map((below) => `${name} -> ${below}`))
    .filter((arrow) => !used.has(arrow));
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

/** The same for C++: a function begins at the start of a line and ends with a line that is a brace. */
function longNativeFunctions(paths: readonly string[], most: number): string[] {
  return paths.flatMap((path) => {
    const lines = textOf(path).split("\n");
    return lines.flatMap((line, start) => {
      if (!/^[A-Za-z].*\{$/.test(line) || /^(namespace|extern)\b/.test(line)) return [];
      const length = lines.slice(start).findIndex((each) => each.startsWith("}")) + 1;
      return lines[start + length - 1] === "}" && length > most ? [`${path}:${start + 1} ${length}`] : [];
    });
  });
}

describe.each([
  ["src", [...sources.keys()], imports],
  ["native", nativeFiles, includes],
] as const)("%s", (tree, files, arrows) => {
  const layers = layersOf(tree);

  it("has a row in ARCHITECTURE.md for every file", () => {
    expect(files.filter((path) => !layerOf(layers, path))).toEqual([]);
  });

  it("has files that import only what stands above them in the table", () => {
    layers.forEach(({ mayImport }, i) => {
      expect(layers.slice(0, i).map(({ name }) => name)).toEqual(expect.arrayContaining([...mayImport]));
    });
    expect(arrows.length).toBeGreaterThan(100);
    expect(upwardArrows(layers, arrows)).toEqual([]);
  });

  it("has no arrow in the table that no file needs", () => {
    expect(unusedArrows(layers, arrows)).toEqual([]);
  });

  it("has no cycle between files", () => {
    expect(filesInCycles(arrows)).toEqual([]);
  });
});

describe("functions", () => {
  it("have at most 60 lines", () => {
    expect(longFunctions(sources, 60)).toEqual([]);
    expect(longNativeFunctions(nativeFiles, 60)).toEqual([]);
  });

  it("have at most 40 lines in passes and in the trainer", () => {
    const strict = [...sources].filter(([path]) => /^src\/(passes\/|train\/[^/]+$)/.test(path));
    expect(longFunctions(strict, 40)).toEqual([]);
  });
});
