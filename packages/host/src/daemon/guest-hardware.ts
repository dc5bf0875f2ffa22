/** The guests' watchdog devices: read as a guest starts, and again in turn, for no event tells that one was put in or a definition changed. */
import type { Guest, Hardware, Hypervisor } from "@bernard/hypervisor";
import type { Engine } from "../engine/engine.ts";
import type { GuestInput } from "../engine/input.ts";

/** Milliseconds until the next guest's are read again. */
const LOOK_AGAIN_MS = 2_000;

export class GuestHardware {
  readonly #hypervisor: Hypervisor;
  readonly #engine: Engine;
  readonly #tell: (uuid: string, input: GuestInput) => void;
  readonly #found = new Map<string, Hardware>();
  /** Guests whose devices are still to be read again in this turn. */
  #toLookAt: string[] = [];
  #lookedAt = 0;

  constructor(hypervisor: Hypervisor, engine: Engine, tell: (uuid: string, input: GuestInput) => void) {
    this.#hypervisor = hypervisor;
    this.#engine = engine;
    this.#tell = tell;
  }

  /** As it was read last; undefined: it is not known yet. */
  of(uuid: string): Hardware | undefined {
    return this.#found.get(uuid);
  }

  async read(guest: Guest): Promise<void> {
    const hardware = await this.#hypervisor.hardware(guest, "now").catch(() => undefined);
    const record = this.#engine.record(guest.uuid);
    if (hardware === undefined || record === undefined) return;
    this.#found.set(guest.uuid, hardware);
    if (hardware.action !== record.action) this.#tell(guest.uuid, { type: "hardware", action: hardware.action });
  }

  /** Reads the next running guest's, if it is time. */
  readNext(at: number): void {
    if (at - this.#lookedAt < LOOK_AGAIN_MS) return;
    this.#lookedAt = at;
    if (this.#toLookAt.length === 0) this.#toLookAt = this.#engine.records.map(({ guest }) => guest.uuid);
    for (let uuid = this.#toLookAt.pop(); uuid !== undefined; uuid = this.#toLookAt.pop()) {
      const guest = this.#engine.record(uuid)?.guest;
      if (guest?.state !== "running") continue;
      void this.read(guest);
      return;
    }
  }

  /** The guest is not there any more. */
  forget(uuid: string): void {
    this.#found.delete(uuid);
  }
}
