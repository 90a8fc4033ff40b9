import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratchDirectory } from "../src/data/pack/owned-directory.js";
import { Duck, quoteText } from "../src/data/source/duckdb.js";
import { type CliResult, cli, makeWorld, type World } from "./cli-world.js";
import { clicks, delimited, PARQUET_SHAPES, SHAPES, type Shape } from "./init-shapes.js";

let world: World;
beforeAll(() => {
  world = makeWorld();
});
afterAll(() => world.remove());

const folderOf = (name: string) => name.replaceAll(" ", "-");

function init(folder: string, { file, content, label, columns }: Shape): Promise<CliResult> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), content);
  return initFile(folder, file, [
    ...(label === undefined ? [] : ["--label", label]),
    ...(columns === undefined ? [] : ["--columns", columns]),
  ]);
}

function initFile(folder: string, file: string, options: readonly string[]): Promise<CliResult> {
  return cli("init", `${folder}/${file}`, ...options, "--output", `${folder}/pairloom.config.ts`, "--force");
}

/** Trains what `init` has made, and scores the file again with the commands that both print. */
async function trainAndPredict(folder: string, file: string, made: CliResult): Promise<void> {
  expect(made.err).toBe("");
  expect(made.code).toBe(0);
  const trained = await cli("train", folder, "--run", `${folder}/run`, "--steps", "2", "--threads", "1");
  expect(trained.err.match(/error:[\s\S]*/)?.[0]).toBeUndefined();
  expect(trained.code).toBe(0);
  const sql = sqlIn(made.out);
  expect(sqlIn(trained.out)).toEqual(sql);
  const output = `${folder}/scores.csv`;
  const scored = await cli(
    "predict",
    `${folder}/run`,
    "--data",
    `${folder}/${file}`,
    "--output",
    output,
    ...sql,
  );
  expect(scored.err).not.toContain("error:");
  expect(scored.code).toBe(0);
}

function sqlIn(text: string): string[] {
  const [, quoted] = / predict .* --sql '(.*)'$/m.exec(text) ?? [];
  return quoted === undefined ? [] : ["--sql", quoted.replaceAll("'\\''", "'")];
}

describe("a config that trains on the first try", () => {
  it.each(Object.keys(SHAPES))("%s", async (name) => {
    const folder = folderOf(name);
    await trainAndPredict(folder, SHAPES[name].file, await init(folder, SHAPES[name]));
  });

  it.each(Object.keys(PARQUET_SHAPES))("%s", async (name) => {
    const folder = folderOf(name);
    mkdirSync(folder, { recursive: true });
    const duck = await Duck.open(scratchDirectory());
    const { sql } = PARQUET_SHAPES[name];
    await duck.run(`COPY (${sql}) TO ${quoteText(`${folder}/rows.parquet`)}`, "the test");
    duck.close();
    await trainAndPredict(
      folder,
      "rows.parquet",
      await initFile(folder, "rows.parquet", ["--label", "clicked"]),
    );
  });

  it("passes the TypeScript compiler", () => {
    const root = fileURLToPath(new URL("../", import.meta.url));
    const configs = Object.keys({ ...SHAPES, ...PARQUET_SHAPES }).map((name) =>
      join(world.folder, folderOf(name), "pairloom.config.ts"),
    );
    const program = ts.createProgram(configs, {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2023,
      lib: ["lib.es2023.d.ts"],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
      paths: { pairloom: [join(root, "src/index.ts")] },
    });
    const faults = configs.flatMap((config) => program.getSemanticDiagnostics(program.getSourceFile(config)));
    expect(
      faults.map(
        ({ file, messageText }) =>
          `${dirname(file?.fileName ?? "")}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
      ),
    ).toEqual([]);
  });
});

describe("errors", () => {
  const refused: Record<string, [Shape, RegExp]> = {
    "an empty file": [{ file: "rows.csv", content: "", label: "clicked" }, /the file is empty/],
    "a header without rows": [
      { file: "rows.csv", content: "user,clicked\n", label: "clicked" },
      /no readable rows/,
    ],
    "a spreadsheet": [
      { file: "rows.csv", content: Buffer.from("PK\u0003\u0004\0\0 more"), label: "clicked" },
      /a ZIP archive or an Excel workbook[\s\S]*Save the table as CSV/,
    ],
    "bytes that are no text": [
      { file: "rows.csv", content: Buffer.from("ab\0,c\n1,2\n"), label: "c" },
      /zero bytes, so it is no text/,
    ],
    "json without objects": [
      { file: "rows.json", content: "[1, 2, 3]", label: "clicked" },
      /have no objects[\s\S]*an object for each row/,
    ],
    "fewer names than columns": [
      { file: "rows.csv", content: "1,2,3\n4,5,6\n", label: "c", columns: "a,c" },
      /--columns: there must be as many names as columns/,
    ],
    "one class": [
      { file: "rows.csv", content: delimited(clicks(50, () => 1)), label: "clicked" },
      /has only one value/,
    ],
    "a label without values": [
      { file: "rows.csv", content: delimited(clicks(50, () => null)), label: "clicked" },
      /missing in all rows/,
    ],
    "only the label": [
      {
        file: "rows.csv",
        content: delimited(clicks(50).map(({ clicked }) => ({ clicked }))),
        label: "clicked",
      },
      /only the label/,
    ],
    "only names of rows": [
      {
        file: "rows.csv",
        content: delimited(clicks(50).map(({ clicked }, i) => ({ id: `r${i}`, clicked }))),
        label: "clicked",
      },
      /no column is left to learn from[\s\S]*id: it has another value/,
    ],
    "a misspelt label": [
      { file: "rows.csv", content: delimited(clicks(50)), label: "Cliked" },
      /Did you mean --label clicked\?/,
    ],
    "no label to guess": [
      {
        file: "rows.csv",
        content: delimited(clicks(50).map(({ clicked, ...row }) => ({ ...row, z: clicked }))),
      },
      /perhaps one of these, which have two values: z/,
    ],
  };
  it.each(Object.keys(refused))("%s", async (name) => {
    const [shape, message] = refused[name];
    const { err, code } = await init(folderOf(name), shape);
    expect(err).toMatch(message);
    expect(code).toBe(1);
  });

  it("says which columns have no features since others have their names", async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `${i % 2},1,2,3,${i % 5}\n`);
    world.write("repeated.csv", `y,a,a,A,b\n${rows.join("")}`);
    const { out } = await cli("init", "repeated.csv", "--label", "y", "--output", "repeated.config.ts");
    const config = readFileSync("repeated.config.ts", "utf8");
    expect(out).toContain("60 rows, 2 columns, not counting those with the same name");
    for (const name of ["a", "A"]) {
      expect(out).toContain(`- ${name}: several columns have this name`);
      expect(config).toContain(`- ${name}: several columns have this name`);
    }
  });

  it("never overwrites a config without --force", async () => {
    world.write("rows.csv", delimited(clicks(50)));
    world.write("mine.ts", "kept");
    const { err, code } = await cli("init", "rows.csv", "--output", "mine.ts");
    expect(err).toContain("already exists");
    expect(code).toBe(1);
  });
});
