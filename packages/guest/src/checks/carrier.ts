/**
 * A network interface has lost its link, or was taken down.
 *
 *   /sys/class/net/eth0/operstate   "up\n" (RFC 2863); drivers that cannot tell say "unknown". Not the file carrier next to it:
 *                                   from Linux 6.11 it waits for a lock that a sick driver may hold for ever.
 */
import { decode } from "../bytes.ts";
import { type Check, type CheckKind, endKey, neverWell, type Reading, type Use } from "../check.ts";
import type { End } from "../end.ts";
import { interfaceKey } from "../interface-name.ts";
import type { Platform } from "../platform.ts";

const ENETUNREACH = 101;

/** Milliseconds from one look to the next. */
const PERIOD = 5000;

const LOST = ["down", "lowerlayerdown", "notpresent"];

class CarrierCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = ENETUNREACH;
  readonly period = PERIOD;
  readonly #interface: string;
  readonly #state: string;
  readonly #hold: number;
  readonly #platform: Platform;
  #wasUp: boolean;

  constructor(name: string, use: Use, hold: number, end: End, platform: Platform) {
    this.name = `carrier:${name}`;
    this.end = end;
    this.#interface = name;
    this.#state = `/sys/class/net/${name}/operstate`;
    this.#hold = hold;
    this.#platform = platform;
    this.#wasUp = use === "once"; // a single look has no past: it expects that all is well
  }

  read(): Reading {
    const text = this.#platform.readFile(this.#state);
    const state = text === undefined ? undefined : decode(text).trim();
    const up = state !== undefined && !LOST.includes(state);
    this.#wasUp ||= up;
    const readings = { up: Number(up) };
    if (up) return { reason: "", readings };
    const reason = state === undefined ? `there is no interface ${this.#interface}` : `${this.#interface} is ${state}`;
    const trouble = { reason, readings, hold: this.#hold };
    return this.#wasUp ? trouble : { ...trouble, ...neverWell(reason, "not up") };
  }
}

export const carrier: CheckKind = {
  keys: [interfaceKey("carrier", "network interface that must have a link; one line each"), endKey("carrier", "alarm")],
  create({ settings, platform, use }) {
    const hold = settings.number("retry-timeout") * 1000;
    const end = settings.end("carrier");
    return settings.texts("carrier").map((name) => new CarrierCheck(name, use, hold, end, platform));
  },
};
