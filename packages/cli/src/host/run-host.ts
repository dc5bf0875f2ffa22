/** Runs the host daemon under a service manager: signals, reloads, its notifications, its log. */
import { EventEmitter, once } from "node:events";
import { type Host, type HostConfig, startHost } from "@bernard/host/daemon";
import { errorLine } from "@bernard/tools";
import { VERSION } from "../version.ts";
import { hostLog } from "./log.ts";
import { ServiceManager } from "./service-manager.ts";

/** Resolves when a signal has ended it. `read` reads the configuration again: a reload is a new start, and a wrong one changes nothing. */
export async function runHost(config: HostConfig, read: () => Promise<HostConfig>): Promise<void> {
  const log = hostLog();
  const manager = new ServiceManager(log);
  const signals = heardSignals();
  let host: Host = await startHost(config, VERSION, log);
  manager.ready();
  log.info("every guest is watched; nothing is touched");
  while ((await signals.next()) === "reload") {
    manager.reloading();
    host = await reloaded(host);
    manager.ready();
  }
  manager.stopping();
  await host.stop();

  async function reloaded(running: Host): Promise<Host> {
    let next: HostConfig;
    try {
      next = await read();
    } catch (error) {
      log.error(`not reloaded, the old configuration holds: ${errorLine(error)}`);
      return running;
    }
    await running.stop();
    try {
      const started = await startHost(next, VERSION, log);
      config = next;
      log.info("reloaded");
      return started;
    } catch (error) {
      try {
        return await startHost(config, VERSION, log);
      } finally {
        log.error(`not reloaded, the old configuration holds: ${errorLine(error)}`);
      }
    }
  }
}

/** Signals from now on, none lost and none deadly: those that come while one is obeyed are obeyed after it, once. An end goes first. */
function heardSignals(): { next(): Promise<"end" | "reload"> } {
  const heard = new EventEmitter();
  let isEnd = false;
  let isReload = false;
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(name, () => {
      if (name === "SIGHUP") isReload = true;
      else isEnd = true;
      heard.emit("signal");
    });
  }
  return {
    async next() {
      if (!isEnd && !isReload) await once(heard, "signal");
      if (isEnd) return "end";
      isReload = false;
      return "reload";
    },
  };
}
