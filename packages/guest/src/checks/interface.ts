/**
 * A network interface receives nothing any more: watchdog(8)'s `interface`.
 *
 * Its counter of received bytes must move. A few seconds without traffic are nothing to speak of, so that a quiet network does not
 * waver between two verdicts. An interface that has received nothing since start is no reset's business: a name that was mistyped
 * would be a loop of resets.
 *
 *   /sys/class/net/eth0/statistics/rx_bytes    "41233211\n", the number that /proc/net/dev has too, there for all of them at once
 */
import { numberAt } from "../bytes.ts";
import { type Check, type CheckKind, endKey, neverWell, type Reading, type Use } from "../check.ts";
import type { End } from "../end.ts";
import { interfaceKey } from "../interface-name.ts";
import type { Platform } from "../platform.ts";

const ENETUNREACH = 101;

/** Milliseconds from one look to the next. */
const PERIOD = 5000;

/** So long (ms) without traffic is not told; less, down to one look, where less counts. */
const QUIET = 10_000;
const SHORTEST_QUIET = PERIOD / 2;

/** A longer time (ms) between two looks is nobody's to answer for. */
const GAP = PERIOD + 10_000;

class InterfaceCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = ENETUNREACH;
  readonly period = PERIOD;
  readonly #interface: string;
  readonly #counter: string;
  readonly #hold: number;
  readonly #platform: Platform;
  #received = Number.NaN;
  #changedAt = Number.NaN;
  #lookedAt = Number.NaN;
  #hasReceived: boolean;

  constructor(name: string, use: Use, hold: number, end: End, platform: Platform) {
    this.name = `interface:${name}`;
    this.end = end;
    this.#interface = name;
    this.#counter = `/sys/class/net/${name}/statistics/rx_bytes`;
    this.#hold = hold;
    this.#platform = platform;
    this.#hasReceived = use === "once"; // a single look has no past: it expects that all is well
  }

  read(now: number): Reading {
    if (now - this.#lookedAt > GAP) this.#changedAt += now - this.#lookedAt;
    this.#lookedAt = now;
    const text = this.#platform.readFile(this.#counter);
    const received = text === undefined ? Number.NaN : numberAt(text, 0);
    if (received !== this.#received && !(Number.isNaN(received) && Number.isNaN(this.#received))) {
      this.#hasReceived ||= received > this.#received;
      this.#changedAt = now;
    }
    this.#received = received;
    const quiet = now - this.#changedAt;
    const readings = { received_bytes: received, quiet_s: Math.round(quiet / 1000) };
    if (Number.isNaN(received)) return this.#ended(`there is no interface ${this.#interface}`, readings);
    if (quiet < Math.max(SHORTEST_QUIET, Math.min(QUIET, this.#hold))) return { reason: "", readings };
    return this.#ended(`${this.#interface} has received nothing for ${Math.round(quiet / 1000)} s`, readings);
  }

  #ended(reason: string, readings: Reading["readings"]): Reading {
    const since = Number.isNaN(this.#changedAt) ? {} : { since: this.#changedAt };
    const trouble = { reason, readings, hold: this.#hold, ...since };
    return this.#hasReceived ? trouble : { ...trouble, ...neverWell(reason, "nor") };
  }
}

export const networkInterface: CheckKind = {
  keys: [
    interfaceKey("interface", "network interface that must receive something now and then; one line each"),
    endKey("interface", "reboot"),
  ],
  create({ settings, platform, use }) {
    const hold = settings.number("retry-timeout") * 1000;
    const end = settings.end("interface");
    return settings.texts("interface").map((name) => new InterfaceCheck(name, use, hold, end, platform));
  },
};
