import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { configReference } from "./generate/config-reference.js";
import { configJsonSchema } from "./generate/config-schema.js";
import { opcodesHeader } from "./generate/opcodes.js";

/** Writes every generated file of the repository; `npm run ready` fails where one was out of date. */
const schema = configJsonSchema();
const files = {
  "native/program/opcodes.generated.h": opcodesHeader(),
  "docs/config.schema.generated.json": `${JSON.stringify(schema, null, 1)}\n`,
  "docs/config-reference.generated.md": configReference(schema),
};

for (const [path, text] of Object.entries(files)) {
  writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text);
  console.log(path);
}
