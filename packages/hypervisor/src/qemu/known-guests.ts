/** Every guest that any monitor has told of, each once, with the monitor that speaks for it. */
import type { WatchdogAction } from "@bernard/policy";
import type { Guest, GuestId, HypervisorEvent } from "../hypervisor.ts";
import { DEAF_TO } from "./event-translator.ts";
import type { GuestMonitor, MonitorNews } from "./guest-monitor.ts";
import { isSame, stateOf } from "./guest-state.ts";

export interface KnownGuest {
  readonly guest: Guest;
  /** Where the guest is off, that of the socket which it has left. */
  readonly monitor: GuestMonitor;
  /** The watchdog action that was set in this life. */
  action: WatchdogAction | undefined;
}

export class KnownGuests {
  readonly #byUuid = new Map<string, KnownGuest>();
  readonly #monitors: () => Iterable<GuestMonitor>;

  /** @param monitors all there are */
  constructor(monitors: () => Iterable<GuestMonitor>) {
    this.#monitors = monitors;
  }

  get all(): readonly KnownGuest[] {
    return [...this.#byUuid.values()];
  }

  get(uuid: string): KnownGuest | undefined {
    return this.#byUuid.get(uuid);
  }

  /** Every guest as far as it is known without asking; one that is not heard is `unknown`. */
  connected(): HypervisorEvent {
    const guests = this.all.map(({ guest, monitor }) => {
      const isKnown = isOff(guest) || monitor.guest !== undefined;
      return isKnown ? guest : { ...guest, ...stateOf(undefined) };
    });
    return { type: "connected", guests, deafTo: DEAF_TO };
  }

  /** What the news of a monitor tell that was not known. Of several sockets of one guest, one speaks. */
  take(monitor: GuestMonitor, news: MonitorNews): HypervisorEvent[] {
    switch (news.type) {
      case "up":
        return this.#up(monitor, news.guest);
      case "event": {
        const known = this.#byUuid.get(news.guest.uuid);
        if (known?.monitor !== monitor) return [];
        this.#put({ ...known, guest: news.guest });
        return [news.event];
      }
      case "lost":
        return this.#lost(monitor, news);
      case "silent":
        return this.#silent(monitor, news);
      case "ended":
        return this.#ended(monitor, news);
      case "nobody":
      case "gone": {
        const known = this.#spokenForBy(monitor);
        if (known === undefined || (news.type === "nobody" && isOff(known.guest))) return [];
        this.#byUuid.delete(known.guest.uuid);
        return isOff(known.guest) ? [] : [{ type: "missed", before: known.guest, after: undefined }];
      }
    }
  }

  #up(monitor: GuestMonitor, guest: Guest): HypervisorEvent[] {
    const known = this.#alike(guest);
    if (known !== undefined && known.monitor !== monitor && known.monitor.guest !== undefined) return [];
    const before = (this.#spokenForBy(monitor) ?? known)?.guest;
    if (before !== undefined && before.uuid !== guest.uuid) this.#byUuid.delete(before.uuid);
    this.#put({ guest, monitor, action: before?.run === guest.run ? known?.action : undefined });
    if (before === undefined || isOff(before)) {
      return [{ type: "lifecycle", guest, change: "started", detail: "booted" }];
    }
    return [...(isSame(before, guest) ? [] : [{ type: "missed", before, after: guest } as const]), this.connected()];
  }

  #lost(monitor: GuestMonitor, { error, retryMs }: Extract<MonitorNews, { type: "lost" }>): HypervisorEvent[] {
    const known = this.#spokenForBy(monitor);
    if (known === undefined) return [];
    const { uuid, name, run } = known.guest;
    const after = this.#heir(monitor, (each) => each.run === run);
    if (after?.guest !== undefined) {
      this.#byUuid.delete(uuid);
      this.#put({ ...known, guest: after.guest, monitor: after });
      return isSame(known.guest, after.guest) ? [] : [{ type: "missed", before: known.guest, after: after.guest }];
    }
    return [
      { type: "monitor-lost", guest: { uuid, name, run } },
      { type: "disconnected", error, retryMs },
    ];
  }

  #silent(
    monitor: GuestMonitor,
    { guest, error, retryMs }: Extract<MonitorNews, { type: "silent" }>,
  ): HypervisorEvent[] {
    const before = this.#alike(guest)?.guest;
    if (before !== undefined && !isOff(before)) return []; // another socket of it is heard, or has told this
    this.#put({ guest, monitor, action: undefined });
    return [
      { type: "missed", before, after: guest },
      { type: "disconnected", error, retryMs },
    ];
  }

  #ended(monitor: GuestMonitor, { guest, detail }: Extract<MonitorNews, { type: "ended" }>): HypervisorEvent[] {
    const known = this.#spokenForBy(monitor);
    if (known === undefined) return [];
    this.#put({ guest, monitor, action: undefined });
    const stopped: HypervisorEvent = { type: "lifecycle", guest, change: "stopped", detail };
    // Another emulator of the same guest: one that it was migrated to, on this host.
    const heir = this.#heir(monitor, (each) => each.uuid === guest.uuid && each.run !== known.guest.run);
    return heir === undefined ? [stopped] : [stopped, ...this.#up(heir, heir.guest!)];
  }

  #heir(left: GuestMonitor, where: (guest: Guest) => boolean): GuestMonitor | undefined {
    for (const monitor of this.#monitors()) {
      if (monitor !== left && monitor.guest !== undefined && where(monitor.guest)) return monitor;
    }
    return undefined;
  }

  #spokenForBy(monitor: GuestMonitor): KnownGuest | undefined {
    return this.all.find((each) => each.monitor === monitor);
  }

  /** The same guest, or another socket of the same emulator. */
  #alike({ uuid, run }: GuestId): KnownGuest | undefined {
    return this.#byUuid.get(uuid) ?? (run === undefined ? undefined : this.all.find(({ guest }) => guest.run === run));
  }

  #put(known: KnownGuest): void {
    this.#byUuid.set(known.guest.uuid, known);
  }
}

export const isOff = ({ state }: Guest): boolean => state === "shutoff";
