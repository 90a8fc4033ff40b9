import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { ConfigInput } from "./config.js";
import { printConfig } from "./print-config.js";

/** What the text of a config exports. */
function evaluate(text: string): unknown {
  const body = text.replace(/^import .*;$/m, "").replace("export default ", "");
  const value: unknown = runInNewContext(body, { defineConfig: (config: unknown) => JSON.stringify(config) });
  return JSON.parse(value as string);
}

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("it's", '"', "\\", "\n", "\u2028", "*/", "//", "`tick`", "constructor", "class", "名前"),
);
const key = text.filter((name) => name !== "__proto__");

it("prints any value so that it reads back, whatever stands in texts, keys and notes", () => {
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      text,
      fc.integer(),
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(key, tie("value"), { maxKeys: 4 }),
    ),
  })).value;
  fc.assert(
    fc.property(
      fc.dictionary(key, values, { maxKeys: 5 }),
      fc.array(text, { maxLength: 3 }),
      (config, notes) => {
        const above = new Map(
          Object.keys(config).flatMap(
            (path) =>
              [
                [path, notes],
                [`${path}[]`, notes],
              ] as const,
          ),
        );
        const printed = printConfig(config as unknown as ConfigInput, { head: notes, above });
        expect(evaluate(printed)).toEqual(JSON.parse(JSON.stringify(config)));
      },
    ),
  );
});

it("puts notes above what they are about, in lines of at most 100 characters", () => {
  const config = {
    features: [
      { kind: "id", name: "a" },
      { kind: "id", name: "b" },
    ],
    data: { label: "y" },
  };
  const above = new Map([
    ["features[1]", ["b: two values"]],
    ["features[]", ["Left out:", "- c: one value"]],
    ["data.label", ["word ".repeat(30).trim()]],
  ]);
  const printed = printConfig(config as unknown as ConfigInput, { head: ["Made by hand."], above });
  expect(printed).toBe(`// Made by hand.
import { defineConfig } from "pairloom";

export default defineConfig({
  features: [
    { kind: "id", name: "a" },
    // b: two values
    { kind: "id", name: "b" },
    // Left out:
    // - c: one value
  ],
  data: {
    // ${"word ".repeat(18).trim()}
    // ${"word ".repeat(12).trim()}
    label: "y",
  },
});
`);
});
