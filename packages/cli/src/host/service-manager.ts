/**
 * What systemd is told: ready, reloading, stopping, alive. By its own program systemd-notify, for Node has no datagram sockets of
 * the UNIX kind; the unit lets children notify (NotifyAccess=all). Protocol: sd_notify(3).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { errorLine } from "@bernard/tools";
import type { Logger } from "pino";

export class ServiceManager {
  readonly #log: Logger;
  readonly #isThere = process.env.NOTIFY_SOCKET !== undefined;
  #alive: NodeJS.Timeout | undefined;
  /** One after the other: a reload that is over before it was told would last for ever. */
  #telling: Promise<unknown> = Promise.resolve();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** From now on it is told, too, that our event loop turns. */
  ready(): void {
    this.#tell("READY=1");
    const everyUs = Number(process.env.WATCHDOG_USEC ?? 0);
    if (everyUs > 0) this.#alive ??= setInterval(() => this.#tell("WATCHDOG=1"), everyUs / 3000);
  }

  reloading(): void {
    this.#tell("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): void {
    clearInterval(this.#alive);
    this.#tell("STOPPING=1");
  }

  #tell(...words: readonly string[]): void {
    if (!this.#isThere) return;
    this.#telling = this.#telling
      .then(() => once(spawn("systemd-notify", words, { stdio: "ignore" }), "exit"))
      .catch((error: unknown) => this.#log.warn(`systemd-notify cannot be run: ${errorLine(error)}`));
  }
}
