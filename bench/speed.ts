import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { WORKLOADS } from "../src/bench/workloads.js";
import { bytes } from "../src/cli/tables.js";
import { PRECISIONS } from "../src/graph/precision.js";
import {
  type Case,
  type Figure,
  type FigureOptions,
  inRounds,
  measureCases,
  median,
  type Rates,
  spread,
} from "./figure.js";

const BATCH = 2048;
/** What the peer in PyTorch has. */
const PEER_WORKLOADS = ["dlrm-kaggle", "dlrm-mlperf", "xdeepfm-criteo"];

/** Training and inference of every workload, beside a peer where one is given: the two take turns. */
export const speed: Figure = {
  title: `samples a second, batch ${BATCH}`,
  async run(options) {
    const cases = WORKLOADS.flatMap((workload) =>
      PRECISIONS.map(
        (precision): Case => ({
          name: `${workload.name} ${precision}`,
          workload,
          precision,
          batch: BATCH,
          threads: options.threads,
        }),
      ),
    );
    const ours = new Map<Case, Rates[]>(cases.map((each) => [each, []]));
    const theirs = new Map<Case, Rates[]>(cases.map((each) => [each, []]));
    await inRounds(cases, options.rounds, async (each) => {
      const [rates] = (await measureCases([each], { ...options, rounds: 1 })).get(each)!;
      ours.get(each)!.push(rates);
      const peer = await measurePeer(each, options);
      if (peer) theirs.get(each)!.push(peer);
    });
    const rows = cases.flatMap((each) =>
      (["train", "infer"] as const).map((phase) => {
        const [own, other] = [ours, theirs].map((results) =>
          results.get(each)!.map((rates) => rates[`${phase}_samples_per_s`]),
        );
        const memory = bytes(median(ours.get(each)!.map((rates) => rates.peak_memory_bytes)));
        const comparison =
          other.length > 0 ? [spread(other), (median(own) / median(other)).toFixed(2)] : ["", ""];
        return [each.name, phase, spread(own), memory, ...comparison];
      }),
    );
    return { head: ["workload", "", "Pairloom", "peak memory", "peer", "ratio of medians"], rows };
  },
};

async function measurePeer(
  { workload: { name }, batch, threads, precision }: Case,
  { peer, seconds }: FigureOptions,
): Promise<Rates | undefined> {
  if (!peer || !PEER_WORKLOADS.includes(name)) return undefined;
  const args = [
    peer.script,
    "--workload",
    name,
    "--batch",
    batch,
    "--seconds",
    seconds,
    "--threads",
    threads,
    ...(precision === "bf16" ? ["--bf16"] : []),
  ];
  const { stdout } = await promisify(execFile)(peer.python, args.map(String));
  return JSON.parse(stdout) as Rates;
}
