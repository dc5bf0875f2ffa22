/** Runs the host daemon under a service manager: signals, reloads, its notifications, its log. */
import { once } from "node:events";
import { type Host, type HostConfig, startHost } from "@bernard/host/daemon";
import { errorLine } from "@bernard/tools";
import { VERSION } from "../version.ts";
import { hostLog } from "./log.ts";
import { ServiceManager } from "./service-manager.ts";

/** Resolves when a signal has ended it. `read` reads the configuration again: a reload is a new start, and a wrong one changes nothing. */
export async function runHost(config: HostConfig, read: () => Promise<HostConfig>): Promise<void> {
  const log = hostLog();
  const manager = new ServiceManager(log);
  let host: Host = await startHost(config, VERSION, log);
  manager.ready();
  log.info("every guest is watched; nothing is touched");
  const ended = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]).then(() => "end" as const);
  for (;;) {
    const next = await Promise.race([ended, once(process, "SIGHUP").then(() => "reload" as const)]);
    if (next === "end") break;
    manager.reloading();
    host = await reloaded(host);
    manager.ready();
  }
  manager.stopping();
  await host.stop();

  async function reloaded(running: Host): Promise<Host> {
    try {
      config = await read();
    } catch (error) {
      log.error(`not reloaded, the old configuration holds: ${errorLine(error)}`);
      return running;
    }
    await running.stop();
    const started = await startHost(config, VERSION, log);
    log.info("reloaded");
    return started;
  }
}
