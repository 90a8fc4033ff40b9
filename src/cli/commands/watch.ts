import { gatherReport } from "../../report/gather.js";
import { RunWatcher } from "../../report/watch/run-watcher.js";
import { WatchServer } from "../../report/watch/watch-server.js";
import { Interrupt } from "../interrupt.js";
import { openModelOf, scoringOf } from "../model-options.js";
import { command, countOption } from "../usage.js";
import { reportOptions } from "./report.js";

const MOST_PORT = 65_535;

export const watch = command(
  "watch",
  {
    ...reportOptions,
    port: { type: "string", valueHint: "n", description: "Port on 127.0.0.1 (default: a free one)" },
  },
  async (args, rawArgs) => {
    const scoring = { ...scoringOf(args), rows: countOption("rows", args.rows), onPart: () => undefined };
    const watcher = await RunWatcher.of(args.run, () =>
      gatherReport(args.run, () => openModelOf(args, rawArgs), scoring),
    );
    const server = new WatchServer(watcher);
    const interrupt = new Interrupt(() => undefined);
    interrupt.ask();
    try {
      console.log(await server.listen(countOption("port", args.port, MOST_PORT, 8080) ?? 0));
      console.error("Press Ctrl-C to stop watching.");
      await watcher.follow(interrupt.signal);
    } finally {
      interrupt.stop();
      await server.close();
    }
  },
);
