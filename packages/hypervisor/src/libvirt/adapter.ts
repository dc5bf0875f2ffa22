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
import { TimeLimit } from "./time-limit.ts";

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
const AGENT_MAX_MS = 3_600_000;

/** Of QEMU, or of the agent. */
interface Reply {
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
    return await attempt(title, options, async (within) => {
      const libvirt = await Libvirt.open(uri, { ...within, readOnly });
      try {
        const { type } = await libvirt.call("connectGetType", {}, within);
        return new LibvirtHypervisor(title, readOnly ? [] : (ABILITIES[type] ?? QEMU_ABILITIES), libvirt, readOnly);
      } catch (error) {
        libvirt.close();
        throw error;
      }
    });
  }

  async guests(options: CallOptions = {}): Promise<Guest[]> {
    const what = `the guests of ${this.title}`;
    return (await attempt(what, options, (within) => this.#libvirt.domains(within))).map(guestOf);
  }

  guest(nameOrUuid: string, options: CallOptions = {}): Promise<Guest> {
    return attempt(`guest ${nameOrUuid}`, options, (within) => this.#find(nameOrUuid, within));
  }

  async watch(listener: (event: HypervisorEvent) => void, options: CallOptions = {}): Promise<{ close(): void }> {
    const translator = new EventTranslator();
    const tell = (event: HypervisorEvent | undefined) => event !== undefined && listener(event);
    return await attempt(`the events of ${this.title}`, options, (within) =>
      this.#libvirt.watch((message) => tell(translator.translate(message)), within),
    );
  }

  async hardware(guest: GuestId, when: "now" | "next-start", options: CallOptions = {}): Promise<Hardware> {
    const domain = domainOf(guest);
    return await attempt(`hardware of ${guest.name}`, options, async (within) => {
      if (when === "next-start") {
        const { persistent } = await this.#libvirt.call("domainIsPersistent", { domain }, within);
        if (persistent === 0) {
          throw new HypervisorError("gone", `guest ${printable(guest.name)} has no definition for its next start`, {
            hint: "it is transient: whatever made it will make it anew",
          });
        }
      }
      const flags = when === "now" ? 0 : INACTIVE;
      const { xml } = await this.#libvirt.call("domainGetXmlDesc", { domain, flags }, within);
      return parseDomain(xml).hardware;
    });
  }

  async counters(guest: GuestId, options: CallOptions = {}): Promise<Counters> {
    const asked = { domains: [domainOf(guest)], stats: COUNTERS, flags: 0 };
    const what = `counters of ${guest.name}`;
    const { records } = await attempt(what, options, (within) =>
      this.#libvirt.call("connectGetAllDomainStats", asked, within),
    );
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
    await attempt(`${action} of ${guest.name}`, { ...options, deadlineMs }, (within) =>
      this.#libvirt.call(ACTS[action], asked, within),
    );
  }

  async setWatchdogAction(
    guest: GuestId,
    action: Exclude<WatchdogAction, "dump">,
    options: CallOptions = {},
  ): Promise<void> {
    this.#need("set-action");
    await attempt(`watchdog action ${action} of ${guest.name}`, options, (within) =>
      setWatchdogAction(this.#monitor(guest, within), action),
    );
  }

  async screenshot(guest: GuestId, options: CallOptions & { readonly maxBytes?: number } = {}): Promise<Screenshot> {
    this.#need("screenshot");
    const what = `screenshot of ${guest.name}`;
    const { mime, image } = await attempt(what, options, (within) =>
      this.#libvirt.screenshot(domainOf(guest), { ...options, ...within }),
    );
    if (mime === "image/png" || mime === "image/x-portable-pixmap") return { type: mime, image };
    throw new HypervisorError(
      "failed",
      printable(`${what}: libvirt sent ${mime}, which is no kind of picture we know`),
    );
  }

  async dumpMemory(guest: GuestId, file: string, options: CallOptions = {}): Promise<void> {
    this.#need("dump");
    const asked = { domain: domainOf(guest), to: file, format: ELF, flags: MEMORY_ONLY };
    await attempt(`dump of ${guest.name}`, { ...options, deadlineMs: options.deadlineMs ?? DUMP_MS }, (within) =>
      this.#libvirt.call("domainCoreDumpWithFormat", asked, within),
    );
  }

  async console(guest: GuestId, options: CallOptions = {}): Promise<Duplex> {
    this.#need("console");
    const asked = { domain: domainOf(guest), device: undefined, flags: SAFE };
    const open = (within: CallOptions) => this.#libvirt.sharedStream("domainOpenConsole", asked, within);
    return (await attempt(`console of ${guest.name}`, options, open, OPENING)).stream;
  }

  async channel(guest: GuestId, name: string, options: CallOptions = {}): Promise<Duplex> {
    this.#need("channel");
    const asked = { domain: domainOf(guest), name, flags: 0 };
    const open = (within: CallOptions) => this.#libvirt.sharedStream("domainOpenChannel", asked, within);
    return (await attempt(`channel ${name} of ${guest.name}`, options, open, OPENING)).stream;
  }

  async agent(guest: GuestId, { execute, arguments: args }: AgentCommand, options: CallOptions = {}): Promise<unknown> {
    this.#need("agent");
    const asked = {
      domain: domainOf(guest),
      command: JSON.stringify({ execute, ...(args && { arguments: args }) }),
      timeoutS: Math.ceil(Math.min(options.deadlineMs ?? AGENT_MS, AGENT_MAX_MS) / 1000),
      flags: 0,
    };
    const what = `${execute} of ${guest.name}`;
    return await attempt(what, options, async (within) => {
      const { result } = await this.#libvirt.call("qemuDomainAgentCommand", asked, within);
      return replyIn(result ?? "{}").return;
    });
  }

  async fireMark(guest: GuestId, options: CallOptions = {}): Promise<boolean | undefined> {
    this.#need("fire-mark");
    return await attempt(`mark of a fire of ${guest.name}`, options, (within) =>
      fireMark(this.#monitor(guest, within)),
    );
  }

  async libvirtVersion(options: CallOptions = {}): Promise<string> {
    const { version } = await attempt("libvirt's version", options, (within) =>
      this.#libvirt.call("connectGetLibVersion", {}, within),
    );
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
      const reply = replyIn(result);
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
}

function replyIn(json: string): Reply {
  try {
    const reply: unknown = JSON.parse(json);
    if (typeof reply === "object" && reply !== null) return reply;
  } catch {} // told below
  throw new HypervisorError("failed", "what libvirt hands on of an agent or a monitor is no object of JSON");
}

/** Keeps the caller's limit over all the calls of one work, and tells their failures as every adapter does. */
async function attempt<T>(
  what: string,
  options: CallOptions,
  work: (within: CallOptions) => Promise<T>,
  meanings?: Meanings,
): Promise<T> {
  const limit = new TimeLimit("reply", options);
  try {
    limit.signal.throwIfAborted();
    return await work({ deadlineMs: limit.deadlineMs, signal: limit.signal });
  } catch (error) {
    throw hypervisorError(what, error, meanings);
  } finally {
    limit.end();
  }
}
