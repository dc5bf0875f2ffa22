/** What Prometheus reads: names and labels as the libvirt exporters have them, so that boards can join both. */
import { Counter, Gauge, Registry } from "prom-client";
import type { GuestView, StatusView } from "./daemon/views.ts";
import type { Tick } from "./engine/engine.ts";
import { CAUSES } from "./engine/host-cause.ts";
import type { Effect } from "./engine/incident.ts";
import type { Input } from "./engine/input.ts";
import { rules } from "./engine/signs/index.ts";

export class Metrics {
  readonly #registry = new Registry();
  readonly #fires: Counter<"domain" | "action">;
  readonly #signs: Counter<"sign">;
  readonly #alerts: Counter<"sign">;
  readonly #inputs: Counter<"type">;
  readonly #status: () => StatusView;
  readonly #guests: () => readonly GuestView[];
  readonly #gauges: ((now: StatusView) => void)[] = [];

  /** Both are asked at each scrape. */
  constructor(status: () => StatusView, guests: () => readonly GuestView[]) {
    this.#status = status;
    this.#guests = guests;
    const registers = [this.#registry];
    this.#fires = new Counter({
      name: "libvirt_domain_watchdog_events_total",
      help: "Times that a domain's watchdog device reached zero.",
      labelNames: ["domain", "action"],
      registers,
    });
    this.#signs = new Counter({
      name: "bernard_signs_total",
      help: "Signs of trouble seen, by their name.",
      labelNames: ["sign"],
      registers,
    });
    this.#alerts = new Counter({
      name: "bernard_alerts_total",
      help: "Signs that alerts were queued for.",
      labelNames: ["sign"],
      registers,
    });
    this.#inputs = new Counter({
      name: "bernard_inputs_total",
      help: "What the engine was told.",
      labelNames: ["type"],
      registers,
    });
    // Prometheus sees no increase in a series that begins with 1: each begins with 0, before the first sign.
    for (const { sign } of [...rules, ...CAUSES]) {
      this.#signs.inc({ sign }, 0);
      this.#alerts.inc({ sign }, 0);
    }
    const gauge = (name: string, help: string, value: (now: StatusView) => number) => {
      const gauged = new Gauge({ name, help, registers });
      this.#gauges.push((now) => gauged.set(value(now)));
    };
    gauge("bernard_up", "Whether every event of the hypervisor is heard.", ({ isConnected }) => Number(isConnected));
    gauge("bernard_journal_up", "Whether the journal is written.", ({ journalTrouble }) =>
      Number(journalTrouble === null),
    );
    gauge("bernard_incidents_open", "Incidents that are not over.", ({ open }) => open.length);
    gauge("bernard_guests", "Guests that are known.", ({ guests }) => guests);
    gauge("bernard_guests_running", "Guests that are not off.", ({ running }) => running);
    gauge(
      "bernard_guests_unprotected",
      "Guests that are not off and have no watchdog device.",
      ({ unprotected }) => unprotected,
    );
  }

  step(input: Input | Tick, effects: readonly Effect[]): void {
    this.#inputs.inc({ type: input.type });
    if (input.type === "fire") this.#fires.inc({ domain: input.guest.name, action: input.action });
    for (const effect of effects) {
      if (effect.type === "open") this.#signs.inc({ sign: effect.incident.signs[0]?.sign ?? "" });
      if (effect.type === "sign") this.#signs.inc({ sign: effect.sign.sign });
      if (effect.type === "alert") this.#alerts.inc({ sign: effect.sign.sign });
    }
  }

  /** A deleted guest's series end. */
  forget(name: string): void {
    for (const action of ACTIONS) this.#fires.remove({ domain: name, action });
  }

  text(): Promise<string> {
    const now = this.#status();
    for (const gauge of this.#gauges) gauge(now);
    for (const { name, action } of this.#guests()) {
      // For a dump libvirt has the guest paused, and tells that.
      if (action !== null) this.#fires.inc({ domain: name, action: action === "dump" ? "pause" : action }, 0);
    }
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}

const ACTIONS = ["none", "pause", "reset", "poweroff", "shutdown", "debug", "inject-nmi", "dump", "unknown"];
