/** `last`: why the previous boot ended, from the daemon's record, the device's boot status and what a dying kernel left in pstore. */
import { decode } from "../bytes.ts";
import type { Settings } from "../config.ts";
import { EXIT, pathOrNone, print } from "../configure.ts";
import * as system from "../linux/system.ts";
import { parseRecord, RECORD_FILE } from "../record.ts";
import type { LastReport } from "../status.ts";
import { exchange, linesOf } from "./client.ts";
import type { Command } from "./command.ts";
import { describeLast, PSTORE } from "./report.ts";

export const last: Command = {
  name: "last",
  form: "",
  help: "why the previous boot ended; exit code 1 when the watchdog or the daemon ended it, or its kernel crashed",
  words: { least: 0, most: 0 },
  json: true,
  run({ json, settings }) {
    const report = askDaemon(settings) ?? readRecord(settings);
    const crashes = system.listFolder(PSTORE).filter((name) => name !== "." && name !== "..");
    if (json) print(JSON.stringify({ ...report, pstore: crashes }));
    else for (const line of describeLast(report, crashes)) print(line);
    return report.how === "unknown" && crashes.length === 0 ? EXIT.well : EXIT.finding;
  },
};

/** Undefined where no daemon answers. */
function askDaemon(settings: Settings): LastReport | undefined {
  const answer = exchange("last", settings);
  const lines = "text" in answer ? linesOf(answer.text) : [];
  return lines[0]?.last;
}

/** Without a daemon: what the last one left, of this boot or of the one before. */
function readRecord(settings: Settings): LastReport {
  const directory = pathOrNone(settings, "state-directory");
  const bytes = directory === undefined ? 0 : system.readWhole(`${directory}/${RECORD_FILE}`);
  const kept = typeof bytes === "number" ? undefined : parseRecord(decode(bytes));
  const boot = system.readWhole("/proc/sys/kernel/random/boot_id");
  const isOfThisBoot = typeof boot !== "number" && kept?.boot === decode(boot).trim();
  const record = (isOfThisBoot ? kept?.last : kept?.end) ?? null;
  if (record !== null) return { how: "by us", record };
  return { how: kept !== undefined && !isOfThisBoot && kept.armed ? "fired" : "unknown", record };
}
