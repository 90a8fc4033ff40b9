import type { ConfigInput } from "../config/config.js";

const WIDTH = 100;

/** A config as the text of a `pairloom.config.ts`. @param from the file that it was made from */
export function printConfig(config: ConfigInput, from: string): string {
  const body = print(config, "");
  return `// Made from ${from} by \`pairloom import tzrec\`.\nimport { defineConfig } from "pairloom";\n\nexport default defineConfig(${body});\n`;
}

/** Prints a value on one line if it fits, otherwise its members on separate lines. */
function print(value: unknown, indent: string): string {
  const brief = inline(value);
  const isNested = typeof value === "object" && value !== null;
  if (!isNested || (indent.length > 0 && indent.length + brief.length <= WIDTH)) return brief;
  const inner = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((member) => print(member, inner))
    : Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([key, member]) => `${keyOf(key)}: ${print(member, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${members.map((member) => `${inner}${member},\n`).join("")}${indent}${close}`;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object" || value === null) return literal(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return members.length === 0
    ? "{}"
    : `{ ${members.map(([key, member]) => `${keyOf(key)}: ${inline(member)}`).join(", ")} }`;
}

const keyOf = (key: string) => (/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? key : JSON.stringify(key));

function literal(value: unknown): string {
  // JSON leaves these two as they are, and they end a line of JavaScript in old engines.
  return JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
