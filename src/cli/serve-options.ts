import { readFileSync } from "node:fs";
import { messageOf } from "../errors.js";
import { readEvents } from "../run/read-events.js";
import type { ModelSource } from "../server/served-model.js";
import { DEFAULT_LIMITS, type ServerSettings, type TlsFiles } from "../server/settings.js";
import { checkpointChoice, modelOptions } from "./model-options.js";
import { countOption, listOption, UsageError } from "./usage.js";

const MOST_PORT = 65_535;
const DEFAULT_PORT = 8080;
/** The name of the model that the command names without a name. */
const FIRST = "main";

export const serveOptions = {
  run: {
    type: "positional",
    description: "Run directory, checkpoint, or a directory where a run publishes",
    required: true,
  },
  host: {
    type: "string",
    valueHint: "address",
    description: "Default 127.0.0.1; others need a token or --client-ca",
  },
  port: { type: "string", valueHint: "n", description: `Default ${DEFAULT_PORT}; 0 takes a free one` },
  workers: { type: "string", valueHint: "n", description: "Processes, which share the tables (default 1)" },
  follow: { type: "boolean", description: "Use each newer checkpoint or published version" },
  checkpoint: modelOptions.checkpoint,
  model: { type: "string", valueHint: "name=run...", description: "More models" },
  events: {
    type: "string",
    valueHint: "name=file...",
    description:
      "Keep the events of a sequence of the first model, so that rows without its lists get their histories",
  },
  split: {
    type: "string",
    valueHint: "name=5%...",
    description: "The share of requests that a model of --model answers, of those that name none",
  },
  "token-file": {
    type: "string",
    valueHint: "file",
    description: "The token of clients; also read from the environment variable PAIRLOOM_TOKEN",
  },
  "tls-cert": { type: "string", valueHint: "file", description: "Certificate (PEM), for HTTPS" },
  "tls-key": { type: "string", valueHint: "file", description: "Its key (PEM)" },
  "client-ca": {
    type: "string",
    valueHint: "file",
    description: "Clients need a certificate of this authority (mTLS)",
  },
  body: { type: "string", valueHint: "bytes", description: `Largest body (default ${DEFAULT_LIMITS.body})` },
  rows: {
    type: "string",
    valueHint: "n",
    description: `Most rows of a request (default ${DEFAULT_LIMITS.rows})`,
  },
  queue: {
    type: "string",
    valueHint: "n",
    description: `Requests that may wait in a process; more get 503 (default ${DEFAULT_LIMITS.waiting})`,
  },
  work: {
    type: "string",
    valueHint: "ms",
    description: `How long a request may wait under lasting load; others get 503 (default ${DEFAULT_LIMITS.work})`,
  },
  deadline: {
    type: "string",
    valueHint: "ms",
    description: `How long a request may wait to be scored (default ${DEFAULT_LIMITS.deadline})`,
  },
  sample: { type: "string", valueHint: "1%", description: "Log this share of requests with their answers" },
  threads: { type: "string", valueHint: "n", description: "Native threads of a process (default 1)" },
  backend: modelOptions.backend,
  "import-modules": modelOptions["import-modules"],
} as const;

type ServeArgs = {
  readonly [Name in keyof typeof serveOptions]?: (typeof serveOptions)[Name]["type"] extends "boolean"
    ? boolean
    : string;
};

export function modelSources(args: ServeArgs, rawArgs: readonly string[]): ModelSource[] {
  const choice = checkpointChoice(args.checkpoint);
  if (args.follow && choice !== undefined && choice !== "latest") throw followsNewest(choice);
  const shares = new Map(pairs("split", rawArgs).map(([name, text]) => [name, shareOf("split", text)]));
  const others = pairs("model", rawArgs).map(([name, path]) => ({ name, path, share: shares.get(name) }));
  const unknown = [...shares.keys()].find((name) => !others.some((model) => model.name === name));
  const events = eventsOf(rawArgs);
  if (unknown === undefined) return [{ name: FIRST, path: args.run!, choice, events }, ...others];
  throw new UsageError({
    what: "--split names a model that --model does not name",
    got: unknown,
    expected: others.map(({ name }) => name).join(", ") || "a model of --model",
    next: "For example --model b=runs/other --split b=5%.",
  });
}

/** Reads the files of `--events sequence=file`. */
function eventsOf(rawArgs: readonly string[]): ModelSource["events"] {
  const files = pairs("events", rawArgs);
  if (files.length === 0) return undefined;
  return async (model) => {
    const read = files.map(async ([name, file]) => [name, await readEvents(model, name, file)] as const);
    return Object.fromEntries(await Promise.all(read));
  };
}

function followsNewest(choice: string | number): UsageError {
  return new UsageError({
    what: "--follow serves the newest version, and not a chosen checkpoint",
    where: "--checkpoint",
    got: String(choice),
    expected: "latest",
    next: "Leave out --checkpoint, or leave out --follow.",
  });
}

export function serverSettings(args: ServeArgs): ServerSettings {
  return {
    host: args.host ?? "127.0.0.1",
    port: args.port === "0" ? 0 : (countOption("port", args.port, MOST_PORT, 8080) ?? DEFAULT_PORT),
    token: tokenOf(args["token-file"]),
    tls: tlsOf(args),
    limits: {
      ...DEFAULT_LIMITS,
      body: countOption("body", args.body, 2 ** 30) ?? DEFAULT_LIMITS.body,
      rows: countOption("rows", args.rows) ?? DEFAULT_LIMITS.rows,
      waiting: countOption("queue", args.queue) ?? DEFAULT_LIMITS.waiting,
      work: countOption("work", args.work) ?? DEFAULT_LIMITS.work,
      deadline: countOption("deadline", args.deadline) ?? DEFAULT_LIMITS.deadline,
    },
    sample: args.sample === undefined ? 0 : shareOf("sample", args.sample),
    logLevel: "info",
  };
}

function tokenOf(file: string | undefined): string | undefined {
  const token = (file === undefined ? process.env.PAIRLOOM_TOKEN : textOf("token-file", file))?.trim();
  // What stands in a header of HTTP without being encoded.
  if (token === undefined || /^[!-~]+$/.test(token)) return token;
  throw new UsageError({
    what: token === "" ? "the token is empty" : "the token has characters that clients cannot send",
    where: file ?? "PAIRLOOM_TOKEN",
    expected: "letters, digits and punctuation of ASCII, without spaces",
    next: "Use a long random text, for example of `openssl rand -hex 32`.",
  });
}

function tlsOf(args: ServeArgs): TlsFiles | undefined {
  const [cert, key, clientCa] = (["tls-cert", "tls-key", "client-ca"] as const).map((name) => {
    const file = args[name];
    return file === undefined ? undefined : textOf(name, file);
  });
  if (cert !== undefined && key !== undefined) return { cert, key, clientCa };
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  throw new UsageError({
    what: "HTTPS needs a certificate and its key",
    expected: "--tls-cert and --tls-key",
    next: "Give both files.",
  });
}

function textOf(option: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError({
      what: "the file cannot be read",
      where: `--${option}`,
      got: messageOf(error),
      next: "Name a file that this user can read.",
    });
  }
}

const EXAMPLES = { model: "b=runs/other", split: "b=5%", events: "clicks=clicks.parquet" };

/** The values of `--option name=value …`. */
function pairs(option: keyof typeof EXAMPLES, rawArgs: readonly string[]): [string, string][] {
  const all = listOption(option, rawArgs).map((text) => pairOf(option, text));
  const twice = all.find(([name], i) => all.findIndex(([other]) => other === name) < i);
  if (twice === undefined) return all;
  throw new UsageError({
    what: `--${option} has two values for one name`,
    got: twice.join("="),
    next: "Leave one of them out.",
  });
}

function pairOf(option: keyof typeof EXAMPLES, text: string): [string, string] {
  const [, name, value] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
  if (name !== undefined) return [name, value];
  throw new UsageError({
    what: `--${option} needs a name and a value`,
    got: text,
    expected: serveOptions[option].valueHint,
    next: `For example --${option} ${EXAMPLES[option]}.`,
  });
}

/** A share such as 5%. */
function shareOf(option: string, text: string): number {
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1]);
  if (percent >= 0 && percent <= 100) return percent / 100;
  throw new UsageError({
    what: `--${option} needs a share from 0% to 100%`,
    got: text,
    next: `For example --${option} ${option === "split" ? "b=5%" : "1%"}.`,
  });
}
