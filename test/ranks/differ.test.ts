import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../src/native/addon.js";
import { cli, csv, makeWorld, PAIRLOOM, rows, smallConfig, type World } from "../cli-world.js";
import { Job, LAUNCHERS } from "./job.js";

/* What a model starts from is compared before ranks train: each has a folder of its own, where one file differs. */

let world: World;
beforeAll(async () => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(600)));
  world.write("test.csv", csv(rows(200)));
  world.write("base.json", JSON.stringify(smallConfig()));
  for (const [rank, seed] of [1, 2].entries()) {
    const set = ["--set", `train.seed=${seed}`];
    expect((await cli("train", "base.json", "--run", `${rank}/base`, ...set)).code).toBe(0);
    world.write(
      `${rank}/vectors.csv`,
      `id,vector\nu0,"[${Array(8)
        .fill(rank / 4)
        .join(", ")}]"\n`,
    );
    world.write(`${rank}/model.ts`, MODEL.replace("FIRST", ["item, user", "user, item"][rank]));
  }
});
afterAll(() => world.remove());

const MODEL = `
import { embeddingDim, featureGroup, layers, registerModel, z } from "pairloom";
registerModel({
  kind: "own",
  schema: z.strictObject({ kind: z.literal("own"), features: featureGroup, embeddingDim }),
  build(features, config, scope, outputs) {
    const [user, item] = features.equalEmbeddings(config.features, "model.features", config.embeddingDim);
    return layers.linearLayer(scope.child("output"), layers.join(scope, [FIRST]), { units: outputs });
  },
});
`;

/** A config for both ranks: what is in their own folders has a relative path. */
function configOf(change: object): string {
  const config = smallConfig();
  const path = (name: string) => ({ path: join(world.folder, name) });
  const data = { ...config.data, train: path("rows.csv"), test: path("test.csv") };
  return JSON.stringify({ ...config, data: { ...data, cacheDir: join(world.folder, "cache") }, ...change });
}

/** The folder of each rank. */
const OWN = `$\{OMPI_COMM_WORLD_RANK:-$PMI_RANK}`;

describe.skipIf(!loadAddon().addon).each(LAUNCHERS)("ranks of $name", ({ name, command }) => {
  function train(folder: string, run: string) {
    const inFolder = ["sh", "-c", `cd ${folder} && exec "$@"`, "-"];
    const args = ["train", "config.ts", "--run", join(world.folder, `${name} ${run}`)];
    return new Job([...command, "-n", "2", ...inFolder, ...PAIRLOOM, ...args]).end();
  }
  const seeded = [
    { kind: "id", name: "user", dynamic: { capacity: 50, seedFrom: "vectors.csv" } },
    ...smallConfig().features.slice(1),
  ];

  it.each([
    [
      "the checkpoint of train.initializeFrom",
      { train: { batchSize: 128, initializeFrom: { run: "base" } } },
      "",
    ],
    ["the vectors of the feature user: dynamic.seedFrom", { features: seeded }, ""],
    [
      "the model",
      { model: { kind: "own", features: ["user", "item"], embeddingDim: 8 } },
      'import "./model.js";\n',
    ],
  ])("do not train where they differ in %s", async (what, change, head) => {
    for (const rank of [0, 1])
      world.write(`${rank}/config.ts`, `${head}export default ${configOf(change)};\n`);
    const differ = await train(OWN, `${what} differs`);
    expect(differ.code).toBe(1);
    expect(differ.out).toContain(`rank 1 (host ${hostname()}): the ranks differ in ${what}\n`);
    const same = await train("0", `${what} is the same`);
    expect(same.code, same.out).toBe(0);
  });
});
