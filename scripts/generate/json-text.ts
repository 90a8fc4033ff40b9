const lineLength = 120;

/** JSON for readers: what fits in a line stands in one, the rest is indented by one space per level. */
export function jsonText(value: unknown, indent = 0): string {
  const line = JSON.stringify(value);
  if (typeof value !== "object" || value === null || indent + line.length <= lineLength) return line;
  const inner = " ".repeat(indent + 1);
  const parts = Array.isArray(value)
    ? value.map((item) => jsonText(item, indent + 1))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${jsonText(item, indent + 1)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${" ".repeat(indent)}${close}`;
}
