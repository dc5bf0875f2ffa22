/** libvirt as a hypervisor like any other: our client of it behind the interface that everything uses. */
import type { Duplex } from "node:stream";
import type { WatchdogAction } from "@bernard/policy";
import { printable } from "@bernard/protocol";
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
import { QmpCommandError } from "../qemu/errors.ts";
import { setWatchdogAction } from "../watchdog-action.ts";
import { COUNTERS, countersOf } from "./adapter-counters.ts";
import { hypervisorError, type Meanings } from "./adapter-errors.ts";
import { EventTranslator } from "./adapter-events.ts";
import { domainOf, guestOf } from "./adapter-guests.ts";
import { domainState } from "./domain-state.ts";
import { parseDomain } from "./domain-xml/parse.ts";
import { isRefusal } from "./errors.ts";
import { Libvirt } from "./libvirt.ts";
import type { Domain } from "./procedures.ts";

const QEMU_ABILITIES: readonly Ability[] = [
  "act",
  "start",
  "set-action",
  "screenshot",
  "dump",
  "console",
  "channel",
  "agent",
  "fire-mark",
];

/** By the name that the hypervisor gives itself; one that is not here tells with each call what it cannot do. */
const ABILITIES: Readonly<Record<string, readonly Ability[] | undefined>> = {
  QEMU: QEMU_ABILITIES,
  TEST: ["act", "start", "screenshot"],
};

const ACTS = {
  pause: "domainSuspend",
  resume: "domainResume",
  reset: "domainReset",
  shutdown: "domainShutdownFlags",
  poweroff: "domainDestroyFlags",
  start: "domainCreateWithFlags",
  "inject-nmi": "domainInjectNmi",
} as const satisfies Readonly<Record<GuestAction, string>>;

/** VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN: without it a guest's agent is asked first, and a hung one waited for. */
const POWER_BUTTON = 1;

/** Milliseconds: libvirt asks an emulator to end and kills it 10 s later; the first start asks QEMU for all that it can. */
const POWER_MS = 60_000;
const DUMP_MS = 600_000;

/** VIR_DUMP_MEMORY_ONLY, as ELF (VIR_DOMAIN_CORE_DUMP_FORMAT_RAW) */
const MEMORY_ONLY = 16;
const ELF = 0;

/** VIR_DOMAIN_CONSOLE_SAFE: nobody's console is taken away. */
const SAFE = 2;

/** VIR_DOMAIN_XML_INACTIVE */
const INACTIVE = 2;

/** Of opening a console or a channel. libvirt has no code for a device that is not there. */
const OPENING: Meanings = { operationFailed: "busy", internalError: "unsupported" };

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Milliseconds until libvirt gives up an agent, where nothing is said: no longer than its caller waits. */
const AGENT_MS = 10_000;

interface MonitorReply {
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

export class LibvirtHypervisor implements Hypervisor {
  readonly title: string;
  readonly abilities: ReadonlySet<Ability>;
  readonly #libvirt: Libvirt;
  readonly #readOnly: boolean;

  private constructor(title: string, abilities: readonly Ability[], libvirt: Libvirt, readOnly: boolean) {
    this.title = title;
    this.abilities = new Set(abilities);
    this.#libvirt = libvirt;
    this.#readOnly = readOnly;
  }

  /** @throws HypervisorError; LibvirtUriError; the signal's reason */
  static async open(
    uri: string,
    options: CallOptions & { readonly readOnly?: boolean | undefined } = {},
  ): Promise<Hypervisor> {
    const title = `libvirt at ${printable(uri)}`;
    const readOnly = options.readOnly ?? false;
    let libvirt: Libvirt | undefined;
    try {
      libvirt = await Libvirt.open(uri, { ...options, readOnly });
      const { type } = await libvirt.call("connectGetType", {}, options);
      return new LibvirtHypervisor(title, readOnly ? [] : (ABILITIES[type] ?? QEMU_ABILITIES), libvirt, readOnly);
    } catch (error) {
      libvirt?.close();
      throw hypervisorError(title, error);
    }
  }

  async guests(options: CallOptions = {}): Promise<Guest[]> {
    const all = await this.#try(`the guests of ${this.title}`, this.#libvirt.domains(options));
    return all.map(guestOf);
  }

  guest(nameOrUuid: string, options: CallOptions = {}): Promise<Guest> {
    return this.#try(`guest ${nameOrUuid}`, this.#find(nameOrUuid, options));
  }

  async watch(listener: (event: HypervisorEvent) => void, options: CallOptions = {}): Promise<{ close(): void }> {
    const translator = new EventTranslator();
    const tell = (event: HypervisorEvent | undefined) => event !== undefined && listener(event);
    const watching = this.#libvirt.watch((message) => tell(translator.translate(message)), options);
    return await this.#try(`the events of ${this.title}`, watching);
  }

  async hardware(guest: GuestId, when: "now" | "next-start", options: CallOptions = {}): Promise<Hardware> {
    const domain = domainOf(guest);
    const work = async () => {
      if (when === "next-start") {
        const { persistent } = await this.#libvirt.call("domainIsPersistent", { domain }, options);
        if (persistent === 0) {
          throw new HypervisorError("gone", `guest ${printable(guest.name)} has no definition for its next start`, {
            hint: "it is transient: whatever made it will make it anew",
          });
        }
      }
      const flags = when === "now" ? 0 : INACTIVE;
      const { xml } = await this.#libvirt.call("domainGetXmlDesc", { domain, flags }, options);
      return parseDomain(xml).hardware;
    };
    return await this.#try(`hardware of ${guest.name}`, work());
  }

  async counters(guest: GuestId, options: CallOptions = {}): Promise<Counters> {
    const asked = { domains: [domainOf(guest)], stats: COUNTERS, flags: 0 };
    const what = `counters of ${guest.name}`;
    const { records } = await this.#try(what, this.#libvirt.call("connectGetAllDomainStats", asked, options));
    const [record] = records;
    if (record === undefined) throw new HypervisorError("gone", printable(`${what}: the guest is gone`));
    const counters = countersOf(record.parameters);
    if (counters === "off") throw new HypervisorError("wrong-state", printable(`${what}: it is off`));
    if (counters !== undefined) return counters;
    throw new HypervisorError("no-answer", printable(`${what}: its QEMU does not answer`), {
      hint: "look at its storage; see virsh domcontrol",
    });
  }

  async act(guest: GuestId, action: GuestAction, options: CallOptions = {}): Promise<void> {
    this.#need(action === "start" ? "start" : "act");
    const flags = action === "shutdown" ? POWER_BUTTON : 0;
    const deadlineMs = options.deadlineMs ?? (action === "start" || action === "poweroff" ? POWER_MS : undefined);
    const asked = { domain: domainOf(guest), flags };
    await this.#try(`${action} of ${guest.name}`, this.#libvirt.call(ACTS[action], asked, { ...options, deadlineMs }));
  }

  async setWatchdogAction(
    guest: GuestId,
    action: Exclude<WatchdogAction, "dump">,
    options: CallOptions = {},
  ): Promise<void> {
    this.#need("set-action");
    const setting = setWatchdogAction(this.#monitor(guest, options), action);
    await this.#try(`watchdog action ${action} of ${guest.name}`, setting);
  }

  async screenshot(guest: GuestId, options: CallOptions & { readonly maxBytes?: number } = {}): Promise<Screenshot> {
    this.#need("screenshot");
    const what = `screenshot of ${guest.name}`;
    const { mime, image } = await this.#try(what, this.#libvirt.screenshot(domainOf(guest), options));
    if (mime === "image/png" || mime === "image/x-portable-pixmap") return { type: mime, image };
    throw new HypervisorError(
      "failed",
      printable(`${what}: libvirt sent ${mime}, which is no kind of picture we know`),
    );
  }

  async dumpMemory(guest: GuestId, file: string, options: CallOptions = {}): Promise<void> {
    this.#need("dump");
    const asked = { domain: domainOf(guest), to: file, format: ELF, flags: MEMORY_ONLY };
    const within = { ...options, deadlineMs: options.deadlineMs ?? DUMP_MS };
    await this.#try(`dump of ${guest.name}`, this.#libvirt.call("domainCoreDumpWithFormat", asked, within));
  }

  async console(guest: GuestId, options: CallOptions = {}): Promise<Duplex> {
    this.#need("console");
    const asked = { domain: domainOf(guest), device: undefined, flags: SAFE };
    const opening = this.#libvirt.stream("domainOpenConsole", asked, options);
    return (await this.#try(`console of ${guest.name}`, opening, OPENING)).stream;
  }

  async channel(guest: GuestId, name: string, options: CallOptions = {}): Promise<Duplex> {
    this.#need("channel");
    const asked = { domain: domainOf(guest), name, flags: 0 };
    const opening = this.#libvirt.stream("domainOpenChannel", asked, options);
    return (await this.#try(`channel ${name} of ${guest.name}`, opening, OPENING)).stream;
  }

  async agent(guest: GuestId, { execute, arguments: args }: AgentCommand, options: CallOptions = {}): Promise<unknown> {
    this.#need("agent");
    const asked = {
      domain: domainOf(guest),
      command: JSON.stringify({ execute, ...(args && { arguments: args }) }),
      timeoutS: Math.ceil((options.deadlineMs ?? AGENT_MS) / 1000),
      flags: 0,
    };
    const what = `${execute} of ${guest.name}`;
    const { result } = await this.#try(what, this.#libvirt.call("qemuDomainAgentCommand", asked, options));
    return (JSON.parse(result ?? "{}") as { return?: unknown }).return;
  }

  async fireMark(guest: GuestId, options: CallOptions = {}): Promise<boolean | undefined> {
    this.#need("fire-mark");
    return await this.#try(`mark of a fire of ${guest.name}`, fireMark(this.#monitor(guest, options)));
  }

  async libvirtVersion(options: CallOptions = {}): Promise<string> {
    const { version } = await this.#try("libvirt's version", this.#libvirt.call("connectGetLibVersion", {}, options));
    const number = Number(version);
    return [Math.floor(number / 1_000_000), Math.floor(number / 1000) % 1000, number % 1000].join(".");
  }

  close(): void {
    this.#libvirt.close();
  }

  /** QEMU's own, through libvirt. */
  #monitor(guest: GuestId, options: CallOptions): Monitor {
    return async (command, args) => {
      const asked = {
        domain: domainOf(guest),
        command: JSON.stringify({ execute: command, ...(args && { arguments: args }) }),
        flags: 0,
      };
      const { result } = await this.#libvirt.call("qemuDomainMonitorCommand", asked, options);
      const reply = JSON.parse(result) as MonitorReply;
      if (reply.error !== undefined) throw new QmpCommandError(command, reply.error.class, reply.error.desc);
      return reply.return;
    };
  }

  async #find(nameOrUuid: string, options: CallOptions): Promise<Guest> {
    const domain = (await this.#byUuid(nameOrUuid, options)) ?? (await this.#byName(nameOrUuid, options));
    const { state, reason } = await this.#libvirt.call("domainGetState", { domain, flags: 0 }, options);
    return guestOf({ domain, ...domainState(state, reason) });
  }

  /** Undefined where there is none; a guest's name may look like a UUID. */
  async #byUuid(uuid: string, options: CallOptions): Promise<Domain | undefined> {
    if (!UUID.test(uuid)) return undefined;
    try {
      return (await this.#libvirt.call("domainLookupByUuid", { uuid }, options)).domain;
    } catch (error) {
      if (isRefusal(error, "noDomain")) return undefined;
      throw error;
    }
  }

  async #byName(name: string, options: CallOptions): Promise<Domain> {
    return (await this.#libvirt.call("domainLookupByName", { name }, options)).domain;
  }

  /** Of a connection that only reads, libvirt would say that it denies the call. */
  #need(ability: Ability): void {
    if (this.abilities.has(ability)) return;
    const why = this.#readOnly ? "this connection only reads" : "this kind of hypervisor cannot";
    const options = this.#readOnly ? { hint: "open one that may write" } : {};
    throw new HypervisorError("unsupported", `no ${ability} by ${this.title}: ${why}`, options);
  }

  async #try<T>(what: string, work: Promise<T>, meanings?: Meanings): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw hypervisorError(what, error, meanings);
    }
  }
}
