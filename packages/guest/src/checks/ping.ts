/**
 * A machine no longer answers echo requests: watchdog(8)'s `ping`, each target for itself, and our `gateway`.
 *
 * A lost target is one that leaves `ping-count` requests in a row unanswered. While it answers it is asked every few seconds, then
 * once each `interval`. The socket is opened anew after each such row, to follow routes and addresses that have changed. What has not
 * answered once since start is no reset's business: an address that was mistyped would be a loop of resets.
 */
import { type Check, type CheckKind, endKey, neverWell, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { parseAddress } from "../ip-address.ts";
import { defaultGateway } from "../kernel/default-route.ts";
import type { Ping, Platform } from "../platform.ts";

const ENETUNREACH = 101;

/** What a network says that is not there; other errors at opening are ours (no CAP_NET_RAW, no descriptors) and no verdict. */
const NO_NETWORK = [99, 100, ENETUNREACH, 113]; // EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, EHOSTUNREACH

/** Milliseconds from one request to the next while they are answered. */
const PACE = 5000;

/** A request that is this much (ms) early is on time: rounds are not exact. */
const JITTER = 50;

interface PingLimits {
  /** Requests. */
  readonly count: number;
  /** Milliseconds from a request to the next while they are answered, and while they are not. */
  readonly pace: number;
  readonly interval: number;
  readonly hold: number;
  /** A single look: one request, and no past. */
  readonly once: boolean;
}

interface Target {
  readonly address: Uint8Array;
  /** For people. */
  readonly text: string;
}

class PingCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = ENETUNREACH;
  readonly #target: () => Target | undefined;
  readonly #limits: PingLimits;
  readonly #platform: Platform;
  #ping: Ping | undefined;
  /** Whom it was opened to, for people. */
  #asked = "";
  #sentAt = Number.NEGATIVE_INFINITY;
  #unanswered = 0;
  /** When (ms) the first of those was sent. */
  #since: number | undefined;
  #lost = false;
  #hasAnswered: boolean;
  /** Of the last request; 0: it was sent. */
  #errno = 0;
  #saidUnable = false;

  /** @param target whom to ask; undefined where there is none now */
  constructor(name: string, target: () => Target | undefined, limits: PingLimits, end: End, platform: Platform) {
    this.name = name;
    this.end = end;
    this.#target = target;
    this.#limits = limits;
    this.#hasAnswered = limits.once;
    this.#platform = platform;
  }

  read(now: number): Reading {
    if (this.#unanswered > 0 && this.#ping?.isAnswered()) {
      this.#hasAnswered = true;
      this.#unanswered = 0;
      this.#since = undefined;
      this.#lost = false;
    }
    const { interval, pace, hold, once } = this.#limits;
    if (once && this.#unanswered > 0) this.#lost = true;
    else if (now - this.#sentAt + JITTER >= (this.#unanswered > 0 ? interval : pace)) this.#ask(now);
    const readings = { unanswered: this.#unanswered };
    if (!this.#lost) return { reason: "", readings };
    const reason = this.#explain();
    const trouble = { reason, readings, hold, ...(this.#since === undefined ? {} : { since: this.#since }) };
    return this.#hasAnswered ? trouble : { ...trouble, ...neverWell(reason, "not answered") };
  }

  #ask(now: number): void {
    this.#sentAt = now;
    if (this.#unanswered === 0) this.#ping?.isAnswered(); // late replies to earlier requests are none to this one
    const { count } = this.#limits;
    if (this.#unanswered >= count) this.#lost = true;
    const target = this.#target();
    const text = target?.text ?? "";
    if (text !== this.#asked || (this.#unanswered > 0 && this.#unanswered % count === 0)) this.#close();
    this.#asked = text;
    const opened = target === undefined ? -ENETUNREACH : (this.#ping ?? this.#platform.openPing(target.address));
    if (typeof opened === "number" && !NO_NETWORK.includes(-opened)) {
      if (!this.#saidUnable)
        this.#platform.log(`warning: ${this.name}: no request can be sent (errno ${-opened})`, true);
      this.#saidUnable = true;
      return;
    }
    this.#ping = typeof opened === "number" ? undefined : opened;
    this.#errno = typeof opened === "number" ? -opened : -opened.send();
    this.#unanswered += 1;
    this.#since ??= now;
  }

  #close(): void {
    this.#ping?.close();
    this.#ping = undefined;
  }

  #explain(): string {
    const errno = this.#errno === 0 ? "" : `, the last could not be sent (errno ${this.#errno})`;
    const who = this.#asked === "" ? "there is no default route" : `${this.#asked} does not answer`;
    const requests = this.#limits.once ? "" : `: ${this.#unanswered} requests (ping-count = ${this.#limits.count})`;
    return `${who}${requests}${errno}`;
  }
}

/** What is wrong with an address to ask, to stand behind "is". */
function problemWith(text: string): string | undefined {
  const first = parseAddress(text)?.[0];
  if (first === undefined) return "not a numeric IPv4 or IPv6 address";
  const isGroup = text.includes(":") ? first === 255 : first >= 224 || first === 0;
  return isGroup ? "not the address of one machine" : undefined;
}

export const ping: CheckKind = {
  keys: [
    {
      name: "ping",
      type: "texts",
      form: "ADDRESS",
      most: 16,
      problemWith,
      help: "IPv4 or IPv6 address that must answer echo requests; one line each, and each of them must",
    },
    {
      name: "ping-count",
      type: "number",
      unit: "requests",
      whole: true,
      min: 1,
      max: 100,
      fallback: 3,
      help: "a target is lost when so many in a row are not answered; then once each interval",
    },
    endKey("ping", "reboot"),
    {
      name: "gateway",
      type: "switch",
      fallback: false,
      help: "ask the gateway of the default route (IPv4) too; whatever the route is then",
    },
    endKey("gateway", "alarm"),
  ],
  create({ settings, platform, use }) {
    const interval = settings.number("interval") * 1000;
    const hold = settings.number("retry-timeout") * 1000;
    const count = settings.number("ping-count");
    const limits = { count, pace: Math.max(PACE, interval), interval, hold, once: use === "once" };
    const checks = settings.texts("ping").map((text) => {
      const address = parseAddress(text);
      const target = () => address && { address, text };
      return new PingCheck(`ping:${text}`, target, limits, settings.end("ping"), platform);
    });
    if (!settings.on("gateway")) return checks;
    const readRoutes = platform.reader("/proc/net/route");
    const gateway = () => {
      const table = readRoutes();
      const address = table && defaultGateway(table);
      return address && { address, text: address.join(".") };
    };
    return [...checks, new PingCheck("gateway", gateway, limits, settings.end("gateway"), platform)];
  },
};
