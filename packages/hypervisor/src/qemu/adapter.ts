/**
 * The QMP sockets in a folder as a hypervisor like any other: guests whose QEMU was started by hand, by a script or by
 * Proxmox VE. See docs/host/qemu-sockets.md.
 */
import { resolve } from "node:path";
import type { Duplex } from "node:stream";
import type { WatchdogAction } from "@bernard/policy";
import { printable } from "@bernard/protocol";
import { AGENT_CHANNEL } from "../agent-channel.ts";
import { HypervisorError } from "../errors.ts";
import { fireMark, type Monitor } from "../fire-mark.ts";
import type {
  Ability,
  AgentCommand,
  CallOptions,
  Counters,
  Guest,
  GuestAction,
  GuestId,
  Hardware,
  Hypervisor,
  HypervisorEvent,
  Screenshot,
} from "../hypervisor.ts";
import { TimeLimit } from "../time-limit.ts";
import { setWatchdogAction } from "../watchdog-action.ts";
import { hypervisorError, noAnswer } from "./adapter-errors.ts";
import { channelsOf, consoleDevice, openDevice } from "./character-devices.ts";
import { fateOf } from "./emulator-process.ts";
import { askAgent } from "./guest-agent.ts";
import { countersOf } from "./guest-counters.ts";
import { hardwareOf } from "./guest-hardware.ts";
import { GuestMonitor, type MonitorNews } from "./guest-monitor.ts";
import { stateOf } from "./guest-state.ts";
import { isOff, type KnownGuest, KnownGuests } from "./known-guests.ts";
import { dumpMemory } from "./memory-dump.ts";
import type { QmpClient } from "./qmp-client.ts";
import { recordOf } from "./qmp-values.ts";
import { screenshot } from "./screenshot.ts";
import { SocketDirectory } from "./socket-directory.ts";
import { within } from "./within.ts";

/** Milliseconds that all of it may take where its caller says nothing else. */
const DUMP_MS = 600_000;
const POWER_OFF_MS = 60_000;

/** Milliseconds after which an emulator that was asked to quit is killed: libvirt's own patience. */
const QUIT_MS = 10_000;

/** Milliseconds between two looks whether a killed emulator has left its socket. */
const LOOK_MS = 50;

/** Nobody keeps a definition to start a guest from. */
const ABILITIES: readonly Ability[] = [
  "act",
  "set-action",
  "screenshot",
  "dump",
  "console",
  "channel",
  "agent",
  "fire-mark",
];

const ACTS = {
  pause: "stop",
  resume: "cont",
  reset: "system_reset",
  shutdown: "system_powerdown",
  poweroff: "quit",
  "inject-nmi": "inject-nmi",
} as const satisfies Readonly<Record<Exclude<GuestAction, "start">, string>>;

interface QemuOptions extends CallOptions {
  /** Only looks: every ability is gone. */
  readonly readOnly?: boolean | undefined;
}

/**
 * Every guest with a QMP socket in `dir`. Each socket's connection is kept until `close`.
 * @throws HypervisorError where the folder cannot be read; the signal's reason
 */
export function openQemu(dir: string, options: QemuOptions = {}): Promise<Hypervisor> {
  return QemuHypervisor.open(resolve(dir), options);
}

class QemuHypervisor implements Hypervisor {
  readonly title: string;
  readonly abilities: ReadonlySet<Ability>;
  readonly #dir: string;
  readonly #monitors = new Map<string, GuestMonitor>();
  readonly #known = new KnownGuests(() => this.#monitors.values());
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  readonly #streams = new Set<Duplex>();
  readonly #closing = new AbortController();
  #directory: SocketDirectory | undefined;

  private constructor(dir: string, readOnly: boolean) {
    this.title = `QEMU's monitors in ${printable(dir)}`;
    this.abilities = new Set(readOnly ? [] : ABILITIES);
    this.#dir = dir;
  }

  static async open(dir: string, options: QemuOptions): Promise<QemuHypervisor> {
    const hypervisor = new QemuHypervisor(dir, options.readOnly ?? false);
    try {
      await hypervisor.#within(hypervisor.title, options, async (limit) => {
        const look = SocketDirectory.open(dir, (sockets, touched) => hypervisor.#follow(sockets, touched));
        const directory = await look;
        hypervisor.#directory = directory;
        if (hypervisor.#closing.signal.aborted) directory.close(); // it was given up meanwhile
        await hypervisor.#settled(patience(limit), limit);
      });
      return hypervisor;
    } catch (error) {
      hypervisor.close();
      throw error;
    }
  }

  async guests(options: CallOptions = {}): Promise<Guest[]> {
    return await this.#within(`guests of ${this.title}`, options, async (limit) => {
      const found = patience(limit);
      await this.#look(found, limit);
      const until = Math.max(found, performance.now() + limit.deadlineMs / 4); // however long those took that say nothing
      const now = await Promise.all(this.#known.all.map((known) => this.#now(known, until, limit)));
      limit.signal.throwIfAborted();
      return now.filter((guest) => guest !== undefined);
    });
  }

  async guest(nameOrUuid: string, options: CallOptions = {}): Promise<Guest> {
    const what = `guest ${nameOrUuid}`;
    return await this.#within(what, options, async (limit) => {
      await this.#lookFor(() => this.#named(nameOrUuid).length > 0, limit);
      const now = await this.#now(this.#find(nameOrUuid, what), patience(limit), limit);
      limit.signal.throwIfAborted();
      if (now === undefined) throw gone(what, this.title);
      return now;
    });
  }

  async watch(listener: (event: HypervisorEvent) => void, { signal }: CallOptions = {}): Promise<{ close(): void }> {
    signal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    this.#listeners.add(listener);
    listener(this.#known.connected());
    return { close: () => void this.#listeners.delete(listener) };
  }

  async hardware(guest: GuestId, when: "now" | "next-start", options: CallOptions = {}): Promise<Hardware> {
    const what = `hardware of ${guest.name}`;
    return await this.#within(what, options, async (limit) => {
      const { guest: found, monitor, action } = await this.#of(guest, what, limit);
      if (isOff(found) || when === "next-start") {
        throw new HypervisorError("gone", printable(`${what}: nobody keeps a definition for its next start`), {
          hint: "look where its QEMU is started",
        });
      }
      return await hardwareOf(asking(await monitor.client(limit.signal), limit), monitor.process, action);
    });
  }

  async counters(guest: GuestId, options: CallOptions = {}): Promise<Counters> {
    const what = `counters of ${guest.name}`;
    return await this.#ask(guest, what, options, (ask, _, { monitor }) => countersOf(what, ask, monitor.process));
  }

  async act(guest: GuestId, action: GuestAction, options: CallOptions = {}): Promise<void> {
    const what = `${action} of ${guest.name}`;
    this.#need(action === "start" ? "start" : "act", what);
    if (action === "start") return;
    if (action === "poweroff") return await this.#powerOff(guest, what, options);
    await this.#ask(guest, what, options, async (ask) => {
      if (action === "resume") await needStanding(what, ask);
      await ask(ACTS[action]);
    });
  }

  async setWatchdogAction(
    guest: GuestId,
    action: Exclude<WatchdogAction, "dump">,
    options: CallOptions = {},
  ): Promise<void> {
    const what = `watchdog action ${action} of ${guest.name}`;
    this.#need("set-action", what);
    await this.#ask(guest, what, options, async (ask) => {
      await setWatchdogAction(ask, action);
      const known = this.#known.get(guest.uuid);
      if (known !== undefined) known.action = action;
    });
  }

  async screenshot(guest: GuestId, options: CallOptions & { readonly maxBytes?: number } = {}): Promise<Screenshot> {
    const what = `screenshot of ${guest.name}`;
    this.#need("screenshot", what);
    return await this.#ask(guest, what, options, (ask, _, { monitor }) =>
      screenshot(what, ask, this.#dir, monitor.process, options.maxBytes),
    );
  }

  async dumpMemory(guest: GuestId, file: string, options: CallOptions = {}): Promise<void> {
    const what = `dump of ${guest.name}`;
    this.#need("dump", what);
    const within = { ...options, deadlineMs: options.deadlineMs ?? DUMP_MS };
    await this.#ask(guest, what, within, (_, { client, limit }) => dumpMemory(what, client, file, limit.signal));
  }

  async console(guest: GuestId, options: CallOptions = {}): Promise<Duplex> {
    const what = `console of ${guest.name}`;
    this.#need("console", what);
    return await this.#ask(guest, what, options, async (ask, { limit }) =>
      this.#keep(await openDevice(what, await consoleDevice(ask), limit.signal)),
    );
  }

  async channel(guest: GuestId, name: string, options: CallOptions = {}): Promise<Duplex> {
    const what = `channel ${name} of ${guest.name}`;
    this.#need("channel", what);
    return await this.#ask(guest, what, options, async (ask, { limit }) => {
      const channel = (await channelsOf(ask)).find((each) => each.name === name);
      return this.#keep(await openDevice(what, channel?.device, limit.signal));
    });
  }

  async agent(guest: GuestId, command: AgentCommand, options: CallOptions = {}): Promise<unknown> {
    const what = `${command.execute} of ${guest.name}`;
    this.#need("agent", what);
    return await this.#ask(guest, what, options, async (ask, { limit }) => {
      const channel = (await channelsOf(ask)).find((each) => each.name === AGENT_CHANNEL);
      if (channel?.open === false) {
        throw new HypervisorError("no-answer", printable(`${what}: no agent has its channel open`), {
          hint: "see in the guest whether qemu-guest-agent runs",
        });
      }
      return await askAgent(what, await openDevice(what, channel?.device, limit.signal), command, limit.signal);
    });
  }

  async fireMark(guest: GuestId, options: CallOptions = {}): Promise<boolean | undefined> {
    const what = `mark of a fire of ${guest.name}`;
    this.#need("fire-mark", what);
    return await this.#ask(guest, what, options, (ask) => fireMark(ask));
  }

  async libvirtVersion(): Promise<undefined> {
    return undefined;
  }

  close(): void {
    this.#closing.abort(new HypervisorError("unreachable", `${this.title} are closed`));
    this.#directory?.close();
    for (const stream of this.#streams) stream.destroy();
    this.#listeners.clear();
    for (const monitor of this.#monitors.values()) monitor.close();
  }

  #follow(sockets: readonly string[], touched: ReadonlySet<string>): void {
    const there = new Set(sockets);
    for (const [path, monitor] of this.#monitors) {
      if (touched.has(path) || !there.has(path)) monitor.retry();
    }
    for (const path of there) {
      if (this.#monitors.has(path)) continue;
      this.#monitors.set(path, new GuestMonitor(path, (monitor, news) => this.#take(monitor, news)));
    }
  }

  #take(monitor: GuestMonitor, news: MonitorNews): void {
    const events = this.#known.take(monitor, news);
    if (news.type === "gone") {
      this.#monitors.delete(monitor.path);
      this.#directory?.look(); // it may have come again meanwhile
    }
    for (const event of events) for (const listener of this.#listeners) listener(event);
  }

  /** Finds what nobody has told of yet. */
  async #look(until: number, limit: TimeLimit): Promise<void> {
    await this.#directory?.look();
    for (const monitor of this.#monitors.values()) monitor.lookAgain();
    await this.#settled(until, limit);
  }

  /** The same for one guest: none is gone while somebody who listens has not said who he is. */
  async #lookFor(isKnown: () => boolean, limit: TimeLimit): Promise<void> {
    await this.#look(patience(limit), limit);
    if (!isKnown()) await this.#settled(performance.now() + limit.deadlineMs, limit);
  }

  /** Until each socket's first try is over. */
  async #settled(until: number, limit: TimeLimit): Promise<void> {
    const all = Promise.all([...this.#monitors.values()].map((monitor) => monitor.settled));
    await within(until - performance.now(), limit.signal, all);
    limit.signal.throwIfAborted();
  }

  #named(nameOrUuid: string): KnownGuest[] {
    const byUuid = this.#known.get(nameOrUuid.toLowerCase());
    return byUuid === undefined ? this.#known.all.filter(({ guest }) => guest.name === nameOrUuid) : [byUuid];
  }

  #find(nameOrUuid: string, what: string): KnownGuest {
    const [found, ...others] = this.#named(nameOrUuid);
    if (found === undefined) throw gone(what, this.title);
    if (others.length === 0) return found;
    const uuids = [found, ...others].map(({ guest }) => guest.uuid).join(", ");
    throw new HypervisorError("failed", printable(`${what}: several guests have that name`), {
      hint: `say which by its UUID: ${uuids}`,
    });
  }

  /** One that answers nothing is `unknown`; undefined for one that is gone meanwhile. */
  async #now({ guest, monitor }: KnownGuest, until: number, limit: TimeLimit): Promise<Guest | undefined> {
    if (isOff(guest)) return guest;
    const now = await monitor.now(until, limit.signal);
    if (now !== undefined) return now;
    await within(until - performance.now(), limit.signal, monitor.settled); // where its connection has just ended
    const later = this.#known.get(guest.uuid)?.guest;
    return later === undefined || isOff(later) ? later : { ...later, ...stateOf(undefined) };
  }

  /** @param work gets what asks its monitor, and rejects at the limit */
  async #ask<T>(
    guest: GuestId,
    what: string,
    options: CallOptions,
    work: (ask: Monitor, connection: { client: QmpClient; limit: TimeLimit }, known: KnownGuest) => Promise<T>,
  ): Promise<T> {
    return await this.#within(what, options, async (limit) => {
      const running = await this.#running(guest, what, limit);
      const client = await running.monitor.client(limit.signal);
      return await work(asking(client, limit), { client, limit }, running);
    });
  }

  /**
   * QEMU is asked to quit, which leaves its images clean. One that does not, for its storage is stuck or its monitor is
   * another's, is killed where it is certain which process it is.
   */
  async #powerOff(guest: GuestId, what: string, options: CallOptions): Promise<void> {
    const limits = { ...options, deadlineMs: options.deadlineMs ?? POWER_OFF_MS };
    await this.#within(what, limits, async (limit) => {
      const { monitor } = await this.#running(guest, what, limit);
      const ended = Promise.withResolvers<true>();
      const listener = (event: HypervisorEvent) => {
        if (isEndOf(guest, event)) ended.resolve(true);
      };
      this.#listeners.add(listener);
      try {
        const quit = async () => (await monitor.client(limit.signal)).execute("quit", {}, { signal: limit.signal });
        quit().catch(() => {}); // it may end before its answer is sent, and its end is what counts
        if (await within(Math.min(QUIT_MS, limit.deadlineMs / 2), limit.signal, ended.promise)) return;
        limit.signal.throwIfAborted();
        const emulator = monitor.process;
        if (emulator?.certain !== true) throw noAnswer(what);
        if ((await fateOf(emulator)) === "running") process.kill(emulator.pid, "SIGKILL");
        while (!(await within(LOOK_MS, limit.signal, ended.promise))) {
          limit.signal.throwIfAborted();
          monitor.retry();
        }
      } finally {
        this.#listeners.delete(listener);
      }
    });
  }

  #keep(stream: Duplex): Duplex {
    this.#streams.add(stream);
    return stream.once("close", () => this.#streams.delete(stream));
  }

  async #of({ uuid, name }: GuestId, what: string, limit: TimeLimit): Promise<KnownGuest> {
    const find = () => this.#known.get(uuid);
    if (find() === undefined) await this.#lookFor(() => find() !== undefined, limit);
    const known = find();
    if (known === undefined) throw gone(`${what} (${name}, ${uuid})`, this.title);
    return known;
  }

  async #running(guest: GuestId, what: string, limit: TimeLimit): Promise<KnownGuest> {
    const known = await this.#of(guest, what, limit);
    if (isOff(known.guest)) throw new HypervisorError("wrong-state", printable(`${what}: it is off`));
    return known;
  }

  #need(ability: Ability, what: string): void {
    if (this.abilities.has(ability)) return;
    const why = ability === "start" ? "nobody keeps a definition of it" : "this connection only reads";
    const hint = ability === "start" ? "start its QEMU as it was started before" : "open one that may write";
    throw new HypervisorError("unsupported", printable(`${what}: ${why}`), { hint });
  }

  async #within<T>(what: string, options: CallOptions, work: (limit: TimeLimit) => Promise<T>): Promise<T> {
    const theirs = options.signal === undefined ? [] : [options.signal];
    const signal = AbortSignal.any([...theirs, this.#closing.signal]);
    const limit = new TimeLimit(() => noAnswer(what), { ...options, signal });
    try {
      return await limit.race(work(limit));
    } catch (error) {
      throw limit.signal.aborted && error === limit.signal.reason ? error : hypervisorError(what, error);
    } finally {
      limit.end();
    }
  }
}

/** Until when those are waited for that answer nothing, so that the others are told in time. */
const patience = (limit: TimeLimit): number => performance.now() + limit.deadlineMs / 2;

const asking =
  (client: QmpClient, limit: TimeLimit): Monitor =>
  (command, args) =>
    client.execute(command, args, { signal: limit.signal });

/** An emulator that has never been heard ends without a word. */
const isEndOf = ({ uuid }: GuestId, event: HypervisorEvent): boolean =>
  event.type === "lifecycle"
    ? event.change === "stopped" && event.guest.uuid === uuid
    : event.type === "missed" && event.after === undefined && event.before?.uuid === uuid;

const gone = (what: string, title: string) =>
  new HypervisorError("gone", printable(`${what}: ${title} know no such guest`), {
    hint: "see `bernard guests` for those that are there",
  });

async function needStanding(what: string, ask: Monitor): Promise<void> {
  const { running } = recordOf(await ask("query-status"));
  if (running === true) throw new HypervisorError("wrong-state", printable(`${what}: it runs already`));
}
