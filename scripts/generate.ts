import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withCommandOptions } from "./generate/command-options.js";
import { configReference } from "./generate/config-reference.js";
import { configJsonSchema } from "./generate/config-schema.js";
import { jsonText } from "./generate/json-text.js";
import { opcodesHeader, rulesHeader, withInstructionTable } from "./generate/operations.js";
import { shareDefinitions } from "./generate/share-definitions.js";

/** Writes every generated file of the repository; `npm run ready` fails where one was out of date. */
const schema = configJsonSchema();
const pathOf = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url));
const format = "docs/design/program-format.md";
const commandLine = "docs/cli.md";
const files = {
  "native/program/opcodes.generated.h": opcodesHeader(),
  "native/program/rules.generated.h": rulesHeader(),
  [format]: withInstructionTable(readFileSync(pathOf(format), "utf8")),
  [commandLine]: await withCommandOptions(readFileSync(pathOf(commandLine), "utf8")),
  "docs/config.schema.generated.json": `${jsonText(shareDefinitions(schema))}\n`,
  "docs/config-reference.generated.md": configReference(schema),
};

for (const [path, text] of Object.entries(files)) {
  writeFileSync(pathOf(path), text);
  console.log(path);
}
