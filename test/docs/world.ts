import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { cli, makeWorld, type World } from "../cli-world.js";
import { ownConfig, type Page, ROOT } from "./pages.js";

/** A folder with everything that the commands of the docs name: files to train on, configs and a run. */
export async function makeDocsWorld(): Promise<World> {
  const world = makeWorld();
  cpSync(join(ROOT, "test/docs/files"), world.folder, { recursive: true });
  cpSync(join(ROOT, "src/tzrec/fixtures/deepfm.config"), "pipeline.config");
  cpSync(join(ROOT, "src/tzrec/fixtures/deepfm.safetensors"), "model.safetensors");
  for (const [name, count] of Object.entries({ clicks: 600, train: 600, valid: 200, test: 200, new: 50 }))
    world.write(`${name}.csv`, clicks(count));
  // As in a project that has installed the package.
  mkdirSync("node_modules");
  symlinkSync(ROOT, "node_modules/pairloom");
  symlinkSync(join(ROOT, "node_modules/jiti"), "node_modules/jiti");
  await cli("train", "pairloom.config.ts");
  return world;
}

/** A copy of the world for a page, with the files that its blocks show. An extract, with …, is no file. */
export function makePageWorld({ folder }: World, { path, blocks }: Page): World {
  const world = makeWorld();
  cpSync(folder, world.folder, { recursive: true, verbatimSymlinks: true });
  if (ownConfig(path)) rmSync("pairloom.config.ts");
  for (const { notes, text } of blocks)
    if (notes.file !== undefined && !text.includes("…")) world.write(notes.file, text);
  return world;
}

/** Rows in which a user likes items of one parity. */
function clicks(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const [user, item] = [i % 7, (i * 5 + Math.floor(i / 7)) % 11];
    const clicked = (user + item) % 2 === 0 || i % 17 === 0 ? 1 : 0;
    const day = String(1 + Math.floor((28 * i) / count)).padStart(2, "0");
    return [`u${user}`, `i${item}`, `o${i % 3}`, i % 24, (i % 13) / 2, `2024-06-${day}`, clicked].join(",");
  });
  return `${["user,item,origin,hour,price,date,clicked", ...lines].join("\n")}\n`;
}
