import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";
import { configSchema } from "../src/config/config.js";

const path = new URL("../docs/config.schema.generated.json", import.meta.url);

it("docs/config.schema.generated.json is what a config is checked by, with meanings", () => {
  const generated = JSON.parse(readFileSync(path, "utf8"));
  const { $defs: recursive, ...plain } = z.toJSONSchema(configSchema, {
    io: "input",
    unrepresentable: "any",
  });
  const { $defs, title, ...rest } = generated;
  expect($defs).toMatchObject(recursive!);
  expect(title).toBe("Pairloom config");
  expect(expand(rest, $defs)).toEqual(expand(plain, {}));
});

/** Without meanings, and with definitions in place of references, but for those of zod, which are recursive. */
function expand(value: unknown, definitions: Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(value)) return value.map((item) => expand(item, definitions));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(
    ([key, item]) => key !== "description" || typeof item !== "string",
  );
  const { $ref, ...own } = Object.fromEntries(entries.map(([key, item]) => [key, expand(item, definitions)]));
  if ($ref === undefined) return own;
  const name = String($ref).replace("#/$defs/", "");
  if (name.startsWith("__schema")) return { $ref, ...own };
  return { ...(expand(definitions[name], definitions) as object), ...own };
}
