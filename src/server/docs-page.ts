import { shellWord } from "../shell-word.js";
import type { JsonSchema } from "./row-schema.js";

interface Operation {
  readonly summary: string;
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly example: unknown } } };
}

/** The headers of a page that loads nothing. */
export const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};

/** A page that shows the requests of an OpenAPI document, with an example for curl. */
export function docsPage(document: JsonSchema, url: string): string {
  const paths = Object.entries(document.paths as Record<string, Record<string, Operation>>);
  const sections = paths.flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => sectionOf(method, path, operation, url)),
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Pairloom</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}pre{background:#f4f4f4;padding:1rem;overflow:auto}</style>
<h1>Pairloom</h1><p>The whole description is in <a href="/docs/openapi.json">/docs/openapi.json</a> (OpenAPI 3.1).</p>
${sections.join("\n")}
<h2>A row</h2><pre>${escaped(JSON.stringify((document.components as { schemas: JsonSchema }).schemas.Row, null, 2))}</pre></html>`;
}

function sectionOf(method: string, path: string, { summary, requestBody }: Operation, url: string): string {
  const example = requestBody?.content["application/json"].example;
  const body =
    example === undefined
      ? ""
      : ` -H 'content-type: application/json' -d ${shellWord(JSON.stringify(example))}`;
  const command = `curl ${method === "get" ? "" : "-X POST "}${url}${path}${body}`;
  return `<h2>${method.toUpperCase()} ${path}</h2><p>${escaped(summary)}</p><pre>${escaped(command)}</pre>`;
}

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
