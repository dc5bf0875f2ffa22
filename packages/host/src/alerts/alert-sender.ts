/** Sends what the journal has queued, one at a time to each receiver, again and again until it arrives: one that hangs delays no other. */
import { setTimeout as later } from "node:timers/promises";
import { errorLine } from "@bernard/tools";
import type { Logger } from "pino";
import type { Receiver } from "../config-schema.ts";
import type { Clock } from "../daemon/clock.ts";
import { type Journal, type QueuedAlert, RETRY_MAX_MS } from "../journal/journal.ts";
import { alertOf } from "./alert.ts";
import { send } from "./send.ts";

/** Milliseconds until a further try: twice as long each time. */
const RETRY_MS = 1_000;

/** Milliseconds until a journal that could not be written is tried again. */
const WRITE_AGAIN_MS = 10_000;

/** Tries, over about two days; then the alert is given up, loudly. The incident stays. */
const TRIES_MAX = 300;

export class AlertSender {
  readonly #journal: Journal;
  readonly #receivers: ReadonlyMap<string, Receiver>;
  readonly #host: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #busy = new Set<string>();
  /** Alerts that have arrived while the journal could not be told. */
  readonly #sent = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(journal: Journal, receivers: ReadonlyMap<string, Receiver>, host: string, clock: Clock, log: Logger) {
    this.#journal = journal;
    this.#receivers = receivers;
    this.#host = host;
    this.#clock = clock;
    this.#log = log;
  }

  /** There may be something to send. */
  wake(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    for (const alert of this.#journal.dueAlerts(this.#clock.date())) {
      if (!this.#busy.has(alert.receiver)) void this.#deliver(alert);
    }
    const next = this.#journal.nextAlertAt(this.#busy);
    if (next === undefined) return;
    const waitMs = Math.min(Math.max(0, next - this.#clock.date()), RETRY_MAX_MS);
    this.#timer = setTimeout(() => this.wake(), waitMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #deliver(queued: QueuedAlert): Promise<void> {
    const receiver = this.#receivers.get(queued.receiver);
    this.#busy.add(queued.receiver);
    try {
      const incident = this.#journal.incident(queued.incident);
      let settle = () => this.#journal.alertDone(queued.id);
      if (receiver === undefined) settle = () => this.#journal.forgetReceiver(queued.receiver);
      if (receiver !== undefined && incident !== undefined && !this.#sent.has(queued.id)) {
        try {
          await send(receiver, alertOf(queued, incident, this.#host));
          this.#sent.add(queued.id);
        } catch (error) {
          settle = () => this.#failed(queued, error);
        }
      }
      if (this.#stopped) return;
      settle();
      this.#sent.delete(queued.id);
    } catch (error) {
      this.#log.error({ receiver: queued.receiver }, `what became of an alert is not written: ${errorLine(error)}`);
      await later(WRITE_AGAIN_MS, undefined, { ref: false });
    } finally {
      this.#busy.delete(queued.receiver);
      this.wake();
    }
  }

  #failed({ id, receiver, attempts }: QueuedAlert, error: unknown): void {
    const retryMs = Math.min(RETRY_MS * 2 ** attempts, RETRY_MAX_MS);
    if (attempts + 1 >= TRIES_MAX) {
      this.#log.error({ receiver }, `an alert is given up: ${errorLine(error)}`);
      this.#journal.alertDone(id);
      return;
    }
    this.#log.warn({ receiver, retryMs }, `an alert did not arrive: ${errorLine(error)}`);
    this.#journal.alertFailed(id, this.#clock.date() + retryMs);
  }
}
