import { readFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { rankText } from "../distributed/agree.js";
import { type Launcher, ProcessWorld } from "../distributed/process-world.js";
import { gatherJson, SOLO, type World } from "../distributed/world.js";
import { PairloomError } from "../errors.js";
import { errorText, exitCodeOf } from "./failure.js";
import { fillLines, withCommas } from "./fill-lines.js";
import { Interrupt } from "./interrupt.js";
import { launcherOf } from "./launcher.js";
import { nativeCore } from "./native-core.js";
import { UsageError } from "./usage.js";

/** Milliseconds that the other ranks wait for rank 0 to tell of an error that all may have, and of one before they are connected. */
const RANK_0_FIRST = 300;
const RANK_0_FIRST_ALONE = 2000;

/** Commands that run as several ranks, by themselves or where an option asks for it. */
const RANKED = ["train", "eval", "predict", "doctor"];

/** Whether this is a rank that rank 0 speaks for. */
export function isOtherRank(): boolean {
  return (launcherOf(process.env)?.rank ?? 0) > 0;
}

/** @throws UsageError if this is one of several ranks, and the command runs as one process */
export function refuseRanks(name: string): void {
  const launcher = launcherOf(process.env);
  if (!launcher || RANKED.includes(name)) return;
  throw new UsageError({
    what: `pairloom ${name} runs as one process`,
    got: `${launcher.ranks} ranks, started by ${launcher.name}`,
    expected: `one of ${RANKED.join(", ")}`,
    next: `Run npx pairloom ${name} without a launcher.`,
  });
}

/**
 * Runs a command on each rank that a launcher has started, or alone.
 * @param signals `handled` if the work handles signals itself. Else they end all ranks: launchers may report success where they
 * kill them
 */
export async function onRanks(
  work: (world: World) => Promise<void>,
  signals: "end" | "handled" = "end",
): Promise<void> {
  const launcher = launcherOf(process.env);
  if (!launcher) return work(SOLO);
  const world = await open(launcher);
  if (signals === "end") new Interrupt(() => undefined);
  const hosts = await tellPlaces(world);
  try {
    await useCommonInstructions(world);
    await work(world);
  } catch (error) {
    await fail(world, error, hosts);
  }
  await world.finish();
}

const UCX = {
  UCX_MEM_EVENTS: "n",
  UCX_ERROR_SIGNALS: "",
  UCX_TCP_TX_SEG_SIZE: "256k",
  UCX_TCP_RX_SEG_SIZE: "256k",
};

/**
 * UCX, which carries the bytes of many MPI libraries, replaces functions for memory in the running process and handles its
 * signals; Node has crashed with it (docs/design/ranks.md). Without its events UCX registers the memory of each large message
 * again on InfiniBand. Over TCP it moves a segment each time that it is asked how far it is: small ones keep a rank that computes
 * busy with asking.
 */
export function restrainUcx(): void {
  Object.assign(process.env, { ...UCX, ...process.env });
}

async function open(launcher: Launcher): Promise<ProcessWorld> {
  restrainUcx();
  try {
    return await ProcessWorld.open(nativeCore(), launcher);
  } catch (error) {
    if (launcher.rank > 0) await setTimeout(RANK_0_FIRST_ALONE);
    throw error;
  }
}

/**
 * Rank 0 tells people of the errors of all ranks; of one that all of them have, it tells before the others do, and names no rank.
 * Errors that are not of Pairloom belong to their rank.
 */
async function fail(world: ProcessWorld, error: unknown, hosts: readonly string[]): Promise<never> {
  const text = withHost(errorText(error), hosts);
  const isOfAll = world.rank === 0 && error instanceof PairloomError;
  if (isOfAll) console.error(text);
  else if (world.rank > 0) await setTimeout(RANK_0_FIRST);
  return world.fail(isOfAll ? "" : text, exitCodeOf(error));
}

/** The text of an error in which the native core names a rank, whose host it does not know. */
export function withHost(text: string, hosts: readonly string[]): string {
  return text.replace(/(?<=^error: )rank (\d+)(?=[,:])/, (_, rank) => rankText(Number(rank), hosts[rank]));
}

/** Launchers may name a process that was killed by its id alone. @returns the hosts of all ranks */
async function tellPlaces(world: ProcessWorld): Promise<string[]> {
  const places = await gatherJson(world, { host: hostname(), pid: process.pid });
  const texts = places.map(({ host, pid }, rank) => `${rank} on ${host} (pid ${pid})`);
  if (world.rank === 0) {
    const head = `Ranks, connected by ${world.library}:`;
    console.error(fillLines(head, withCommas(texts), "  ").join("\n"));
  }
  return places.map(({ host }) => host);
}

/** All ranks use the fastest instruction set that all machines have: results of different ones differ in the last bits. */
async function useCommonInstructions(world: World): Promise<void> {
  const addon = nativeCore();
  const [first, ...others] = await gatherJson(world, addon.isas());
  const common = first.find((isa) => others.every((isas) => isas.includes(isa)));
  if (common !== undefined && common !== addon.isa()) addon.selectIsa(common);
}

/** @throws UsageError for a backend that several ranks cannot use */
export function refuseReference({ size }: World, backend: string | undefined): void {
  if (size === 1 || backend !== "reference") return;
  throw new UsageError({
    what: "the reference backend runs as one process",
    got: `${size} ranks`,
    next: "Remove --backend.",
  });
}

/**
 * The threads of a rank: its share of the processors of its machine, unless the launcher has given each rank processors of
 * its own.
 */
export async function threadsOfRank(world: World): Promise<number> {
  const own = { host: hostname(), processors: allowedProcessors() };
  const all = await gatherJson(world, own);
  const sharing = all.filter((each) => each.host === own.host && each.processors === own.processors);
  return Math.max(1, Math.floor(availableParallelism() / sharing.length));
}

/** The processors that this process may run on, as Linux lists them. */
function allowedProcessors(): string | undefined {
  try {
    return /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
