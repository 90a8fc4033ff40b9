import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";
import { moduleOf } from "./fragments.js";
import { type Block, inLanguage, ownConfig, ROOT } from "./pages.js";

/** Where the compiler finds the blocks: a folder for each page, so that blocks can import the files of their page. */
const FOLDER = join(ROOT, "docs/blocks");

const CONFIG = "pairloom.config.ts";
const blocks = inLanguage("ts");
const folderOf = ({ place }: Block): string => join(FOLDER, place.split(":")[0].replaceAll("/", "-"));
const pathOf = (block: Block): string =>
  join(folderOf(block), block.notes.file ?? `line-${block.place.split(":")[1]}.ts`);

/** The blocks of a page can import the config of their page. */
function filesToCheck(): Map<string, string> {
  const configs = blocks.map((block) => [join(folderOf(block), CONFIG), configOf(block)] as const);
  return new Map([...configs, ...blocks.map((block) => [pathOf(block), moduleOf(block)] as const)]);
}

function configOf({ place }: Block): string {
  const own = ownConfig(place.split(":")[0]);
  return readFileSync(own ?? join(ROOT, "test/docs/files", CONFIG), "utf8");
}

function diagnostics(files: ReadonlyMap<string, string>): readonly ts.Diagnostic[] {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const parsed = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, ROOT);
  const options = { ...parsed.options, declaration: false, isolatedModules: false };
  const host = ts.createCompilerHost(options);
  // Without it, modules are found by their files alone, also those in folders that do not exist.
  host.directoryExists = undefined;
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = files.get(path);
    return text === undefined
      ? getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, text, version);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].flatMap((path) => {
    const file = program.getSourceFile(path)!;
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  });
}

it("every TypeScript block type-checks against the package", () => {
  expect(new Set(blocks.map(pathOf)).size).toBe(blocks.length);
  const files = filesToCheck();
  const places = new Map(blocks.map((block) => [pathOf(block), block.place]));
  const problems = diagnostics(files).map(({ file, start, messageText }) => {
    const { line } = file!.getLineAndCharacterOfPosition(start!);
    const code = file!.text.split("\n")[line].trim();
    return `${places.get(file!.fileName)}: ${ts.flattenDiagnosticMessageText(messageText, " ")}\n  ${code}`;
  });
  expect(problems).toEqual([]);
}, 240_000);
