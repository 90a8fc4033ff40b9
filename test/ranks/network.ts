import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Two hosts that share one cable: network namespaces of this machine, in which a launcher starts one rank each. */
export class TwoHosts {
  private readonly names: readonly string[];

  /** @param name of up to 13 characters, and of no other hosts; `folder` is for a program that stands for `ssh` */
  constructor(
    name: string,
    private readonly folder: string,
  ) {
    this.names = [0, 1].map((host) => `${name}-${host}`);
  }

  /** Adds them. False where this process may not, or there is no program for it. */
  up(): boolean {
    const [first, second] = this.names;
    const added = this.names.every((name) => ip("netns", "add", name));
    if (!added || !ip("link", "add", first, "netns", first, "type", "veth", "peer", second, "netns", second))
      return false;
    for (const [host, name] of this.names.entries()) {
      ip("-n", name, "addr", "add", `${addressOf(host)}/24`, "dev", name);
      for (const each of ["lo", name]) ip("-n", name, "link", "set", each, "up");
    }
    writeFileSync(this.agent, AGENT.replaceAll("NAME", first.slice(0, -1)), { mode: 0o755 });
    return true;
  }

  /** A launcher as it is called on the first host, with the options that name both. */
  launcher([program, ...options]: readonly string[]): string[] {
    const hosts = [0, 1].map(addressOf).join();
    const start = ["ip", "netns", "exec", this.names[0], program, ...options];
    return program.includes("mpich")
      ? [...start, "-launcher", "ssh", "-launcher-exec", this.agent, "-hosts", hosts]
      : [...start, "--host", hosts, "--mca", "plm_rsh_agent", this.agent];
  }

  /** True once both hosts have found the cable. */
  areConnected(): boolean {
    return this.names.every((name) =>
      / UP /.test(String(spawnSync("ip", ["-n", name, "-br", "link", "show", name]).stdout)),
    );
  }

  /**
   * Limits what each host sends, as `tc` writes rates: `1gbit`. Large segments are not cut into packets, as network cards do that
   * where there is a network.
   */
  limit(rate: string | undefined): void {
    for (const name of this.names) {
      const queue = (what: string, ...how: string[]) =>
        spawnSync("tc", ["-n", name, "qdisc", what, "dev", name, "root", ...how]);
      queue("del"); // fails where there is no limit yet
      if (!rate) continue;
      const { status, stderr } = queue("add", "tbf", "rate", rate, ...BUCKET);
      if (status !== 0) throw new Error(`tc cannot limit ${name} to ${rate}: ${stderr}`);
    }
  }

  /** Pulls the cable out of a host. */
  cut(host: number): void {
    ip("-n", this.names[host], "link", "set", this.names[host], "down");
  }

  /** Removes them, with all that runs there: a part of a launcher may wait for the other host. */
  down(): void {
    for (const name of this.names) {
      const pids = String(spawnSync("ip", ["netns", "pids", name]).stdout).split("\n");
      for (const pid of pids.filter(Boolean)) spawnSync("kill", ["-9", pid]);
      ip("netns", "del", name);
    }
  }

  private get agent(): string {
    return join(this.folder, "agent");
  }
}

const BUCKET = ["burst", "80kb", "latency", "50ms"];

const ip = (...args: string[]) => spawnSync("ip", args).status === 0;

const addressOf = (host: number) => `10.77.0.${host + 1}`;

/** Runs a command on the host of an address, under a host name of its own. */
const AGENT = `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift; done
host=NAME$((\${1##*.} - 1)); shift
exec ip netns exec $host unshare --uts sh -c "hostname $host; $*"
`;
