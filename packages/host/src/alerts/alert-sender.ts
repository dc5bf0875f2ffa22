/** Sends what the journal has queued, one at a time to each receiver, again and again until it arrives: one that hangs delays no other. */
import { errorLine } from "@bernard/tools";
import type { Logger } from "pino";
import type { Receiver } from "../config.ts";
import type { Clock } from "../daemon/clock.ts";
import type { Journal, QueuedAlert } from "../journal/journal.ts";
import { alertOf } from "./alert.ts";
import { send } from "./send.ts";

/** Milliseconds until a further try: twice as long each time, within these. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 600_000;

/** Tries, over about two days; then the alert is given up, loudly. The incident stays. */
const TRIES_MAX = 300;

export class AlertSender {
  readonly #journal: Journal;
  readonly #receivers: ReadonlyMap<string, Receiver>;
  readonly #host: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #busy = new Set<string>();
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
    if (next !== undefined) this.#timer = setTimeout(() => this.wake(), Math.max(0, next - this.#clock.date()));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #deliver(queued: QueuedAlert): Promise<void> {
    const receiver = this.#receivers.get(queued.receiver);
    const incident = this.#journal.incident(queued.incident);
    if (receiver === undefined || incident === undefined) {
      this.#journal.alertDone(queued.id); // it is in the configuration no more
      return;
    }
    this.#busy.add(queued.receiver);
    try {
      await send(receiver, alertOf(queued, incident, this.#host));
      if (!this.#stopped) this.#journal.alertDone(queued.id);
    } catch (error) {
      if (!this.#stopped) this.#failed(queued, error);
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
