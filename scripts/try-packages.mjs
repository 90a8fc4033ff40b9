// Installs the tarballs of a folder in a new project, as a user does, trains a model on the native core and scores a row.
// Usage: node scripts/try-packages.mjs DIR
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const packages = resolve(process.argv[2]);
const project = mkdtempSync(join(tmpdir(), "pairloom-try-"));
const shell = process.platform === "win32"; // where npm is a script
const run = (program, ...args) => execFileSync(program, args, { cwd: project, stdio: "inherit", shell });

writeFileSync(join(project, "package.json"), '{ "private": true }');
const rows = Array.from({ length: 200 }, (_, i) => `u${i % 7},${i % 13},${Number(i % 7 < 3)}`);
writeFileSync(join(project, "rows.csv"), ["user,price,clicked", ...rows].join("\n"));
writeFileSync(
  join(project, "job.mjs"),
  `import { train } from "pairloom/train";
import { load } from "pairloom/serve";
await train(
  {
    data: { train: { path: "rows.csv" }, label: "clicked" },
    features: [{ kind: "id", name: "user", hash: 50 }, { kind: "number", name: "price" }],
    model: { kind: "logisticRegression", features: ["user", "price"] },
    train: { batchSize: 32, steps: 3 },
  },
  { runDir: "run", backend: "native" },
);
const probability = (await load("run", { backend: "native" })).predictOne({ user: "u1", price: 2 });
if (!(probability > 0 && probability < 1)) throw new Error("wrong result");
console.log(\`\${process.version} \${process.platform} \${process.arch}: trained and scored on the native core\`);
`,
);
const tarballs = readdirSync(packages).map((name) => join(packages, name));
run("npm", "install", "--no-audit", "--no-fund", ...tarballs);
run("node", "job.mjs");
