/**
 * Gives a guest of libvirt's its watchdog device and Bernard's channel, or takes them away, by a plan: in its definition, and
 * in the running guest as far as libvirt and the bus allow. What follows a definition that is written is told, never undone.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { chooseWatchdog, type WatchdogAction, type WatchdogModel } from "@bernard/policy";
import { printable } from "@bernard/protocol";
import { HypervisorError, isFailure } from "../errors.ts";
import type { Guest, Hypervisor, Owner } from "../hypervisor.ts";
import { LibvirtHypervisor } from "./adapter.ts";
import { hypervisorError } from "./adapter-errors.ts";
import { domainOf } from "./adapter-guests.ts";
import { roadOf, TABLE_FILE, type TableRoad, tableObstacle } from "./domain-xml/acpi-table.ts";
import { type DomainXml, parseDomain } from "./domain-xml/parse.ts";
import { CHANNEL_XML, watchdogXml } from "./domain-xml/update.ts";
import { LibvirtRefusedError } from "./errors.ts";
import { Libvirt } from "./libvirt.ts";
import { CIB, pacemakerOwner } from "./pacemaker.ts";
import type { Args, Procedures, Result } from "./procedures.ts";
import { type Part, type Plan, protectionPlan, removalPlan, type Seen, type Step } from "./protect-plan.ts";
import { putTable } from "./put-table.ts";
import { parseUri } from "./uri.ts";

export interface ProtectRequest {
  /** Undefined: what is right for the guest. */
  readonly model: WatchdogModel | undefined;
  readonly action: WatchdogAction | undefined;
  /** The ACPI table that the model wdat is. */
  readonly table: Uint8Array;
}

/**
 * When a change holds. `next-start`: a power cycle; a reboot inside the guest is not enough. `never`: it cannot be made.
 * `unknown`: it was tried in the running guest, and nobody answered.
 */
type When = "already" | "now" | "next-start" | "never" | "unknown";

export interface Change {
  /** `watchdog i6300esb, action reset`, `channel org.bernard.guest.0`... */
  readonly what: string;
  readonly when: When;
  /** Where it is not now. */
  readonly why: string | undefined;
}

/** VIR_DOMAIN_XML_SECURE: without it passwords are left out, and lost when that is defined; VIR_DOMAIN_XML_INACTIVE. */
const DEFINITION = 1 | 2;

/** VIR_DOMAIN_AFFECT_LIVE */
const LIVE = 1;

/** Milliseconds for what a QEMU must be asked for; the first definition waits until libvirt has asked QEMU for all that it can. */
const WRITE_MS = 60_000;

/** Milliseconds that a guest gets to let go of a device that it was asked for, and to shut down. */
const RELEASE_MS = 10_000;
const SHUTDOWN_MS = 120_000;

/** Where the owner of a guest is told what the guest shall have. */
const OWNERS_WAY: Readonly<Record<Owner["name"], string>> = {
  nova: "set hw:watchdog_action on its flavour or hw_watchdog_action on its image",
  ovirt: "give it the device in oVirt's own dialog",
  kubevirt: "write devices.watchdog into its VirtualMachine",
  pacemaker: "edit the file that its resource names, on each node",
  proxmox: "use qm set VMID --watchdog",
};

/** What every libvirt's AppArmor profile and SELinux policy let each QEMU read, whoever wrote its XML: docs/decisions/0021-wdat.md. */
const SYSTEM_TABLES = "/usr/share/qemu";

export class Protector {
  readonly #hypervisor: Hypervisor;
  readonly #libvirt: Libvirt;
  /** Where a cluster on this machine would keep its configuration, and the folder for ACPI tables; undefined for guests elsewhere. */
  readonly #here: { readonly cib: string; readonly tables: string } | undefined;
  readonly #deadlineMs: number;

  private constructor(
    hypervisor: Hypervisor,
    libvirt: Libvirt,
    here: { readonly cib: string; readonly tables: string } | undefined,
    deadlineMs: number,
  ) {
    this.#hypervisor = hypervisor;
    this.#libvirt = libvirt;
    this.#here = here;
    this.#deadlineMs = deadlineMs;
  }

  /** @throws HypervisorError; LibvirtUriError */
  static async open(uri: string, { cib = CIB, deadlineMs = WRITE_MS } = {}): Promise<Protector> {
    const hypervisor = await LibvirtHypervisor.open(uri);
    try {
      const around = { uid: process.getuid?.() ?? 0, home: homedir(), runtimeDir: process.env.XDG_RUNTIME_DIR };
      const { name, ssh } = parseUri(uri, false, around);
      const own = process.env.XDG_DATA_HOME || join(around.home, ".local/share");
      const tables = name.endsWith("/session") ? own : SYSTEM_TABLES;
      return new Protector(
        hypervisor,
        await Libvirt.open(uri),
        ssh === undefined ? { cib, tables } : undefined,
        deadlineMs,
      );
    } catch (error) {
      hypervisor.close();
      throw hypervisorError(hypervisor.title, error);
    }
  }

  /** @throws HypervisorError, `unsupported` where the guest can have no such device */
  async planProtection(nameOrUuid: string, { model, action, table: bytes }: ProtectRequest): Promise<Plan> {
    const seen = await this.#look(nameOrUuid);
    const { guest, known, defined } = seen;
    const choice = chooseWatchdog({ ...known.hardware, model, action });
    if ("refused" in choice) throw cannotProtect(guest, choice.refused, choice.hint);
    const table = choice.model === "wdat" ? await this.#tableRoad(guest, known) : undefined;
    return protectionPlan(seen, choice, table, table && defined && this.#here && { path: table.path, bytes });
  }

  /** @throws HypervisorError */
  async planRemoval(nameOrUuid: string): Promise<Plan> {
    return removalPlan(await this.#look(nameOrUuid));
  }

  /**
   * Writes the definition, then changes the running guest; tells when each part holds.
   * @param force even though somebody owns the guest
   * @throws HypervisorError where nothing was changed: `denied` for an owned guest, `busy` where somebody else changed it
   */
  async carryOut(plan: Plan, force: boolean): Promise<Change[]> {
    const { guest, owner, definition } = plan;
    const changes = definition !== undefined && definition.before !== definition.after;
    const done = !changes && plan.parts.every(({ live }) => live !== false);
    if (owner !== undefined && !force && !done) {
      const what = `guest ${guest.name} is owned by ${owner.name} (${owner.mark}), which defines it anew when it likes`;
      throw new HypervisorError("denied", printable(what), {
        hint: `${OWNERS_WAY[owner.name]}, or change it all the same with --force`,
      });
    }
    if (plan.file !== undefined) await putTable(plan.file.path, plan.file.bytes);
    if (changes) await this.#define(guest, definition);
    const outcomes: Change[] = [];
    for (const part of plan.parts) outcomes.push(await this.#make(guest, part));
    return outcomes;
  }

  /**
   * Shuts the guest down and starts it.
   * @throws HypervisorError `no-answer` where the guest does not obey, `wrong-state` where it cannot: it stays as it is
   */
  async powerCycle(guest: Guest, shutdownMs = SHUTDOWN_MS): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    const watching = await this.#hypervisor.watch((event) => {
      if (event.type === "lifecycle" && event.guest.uuid === guest.uuid && event.change.startsWith("stopped")) {
        stopped.resolve();
      }
    });
    const timer = setTimeout(() => {
      const what = printable(`guest ${guest.name} has not shut down within ${shutdownMs / 1000} s, and runs on`);
      const hint = "shut it down from inside, or cut its power with virsh destroy, then start it";
      stopped.reject(new HypervisorError("no-answer", what, { hint }));
    }, shutdownMs);
    stopped.promise.catch(() => {}); // the request below may fail first
    try {
      await this.#hypervisor.act(guest, "shutdown");
      await stopped.promise;
      await this.#hypervisor.act(guest, "start");
    } finally {
      clearTimeout(timer);
      watching.close();
    }
  }

  close(): void {
    this.#hypervisor.close();
    this.#libvirt.close();
  }

  async #look(nameOrUuid: string): Promise<Seen> {
    const guest = await this.#hypervisor.guest(nameOrUuid);
    const xml = await this.#definition(guest);
    const defined = xml === undefined ? undefined : parseDomain(xml);
    const live = guest.run === undefined ? undefined : parseDomain(await this.#xml(guest, 0));
    const known = defined ?? live;
    if (known === undefined) throw new HypervisorError("gone", printable(`guest ${guest.name} is gone`));
    const marked = live?.hardware.owner ?? defined?.hardware.owner;
    const owner = marked ?? (this.#here && (await pacemakerOwner(guest.name, this.#here.cib)));
    return { guest, owner, defined, live, known, saved: live === undefined && (await this.#isSaved(guest)) };
  }

  async #isSaved(guest: Guest): Promise<boolean> {
    return (await this.#call("domainHasManagedSaveImage", { domain: domainOf(guest), flags: 0 })).saved === 1;
  }

  /** Which file gives the guest our table, and by what: as it is given already, or as this libvirt can. */
  async #tableRoad(guest: Guest, known: DomainXml): Promise<TableRoad> {
    const obstacle = tableObstacle(known);
    if (obstacle !== undefined) throw cannotProtect(guest, `the table of wdat is not for it: ${obstacle}`, OTHER_MODEL);
    const there = known.tables[0];
    if (there === undefined && this.#here === undefined) {
      const why = "the table of wdat is a file, and its host is another machine";
      throw cannotProtect(guest, why, "run bernard protect on the guest's own host");
    }
    return {
      path: there?.path ?? join(this.#here!.tables, TABLE_FILE),
      by: roadOf(await this.#hypervisor.libvirtVersion()),
    };
  }

  async #take(guest: Guest, step: Step): Promise<void> {
    switch (step.act) {
      case "plug-in":
        // libvirt wants one action of all devices, and sends it to QEMU with the first of them alone.
        await this.#attach(guest, watchdogXml("i6300esb", step.given));
        if (step.given !== step.action) await this.#setAction(guest, step.action);
        return;
      case "set-action":
        return await this.#setAction(guest, step.action);
      case "add-channel":
        return await this.#attach(guest, CHANNEL_XML);
      case "take-out":
        return await this.#detach(guest, step);
    }
  }

  async #attach(guest: Guest, xml: string): Promise<void> {
    await this.#call("domainAttachDeviceFlags", { domain: domainOf(guest), xml, flags: LIVE });
  }

  async #setAction(guest: Guest, action: WatchdogAction): Promise<void> {
    if (action !== "dump") {
      return await this.#hypervisor.setWatchdogAction(guest, action, { deadlineMs: this.#deadlineMs });
    }
    throw new HypervisorError("unsupported", "libvirt dumps a guest by the XML that it was started with");
  }

  /** Asks the guest for its device, and waits until it has let go of it. */
  async #detach(guest: Guest, { xml, find }: Extract<Step, { act: "take-out" }>): Promise<void> {
    let removed = Promise.withResolvers<void>();
    const watching = await this.#hypervisor.watch((event) => {
      if (event.type === "device-removed" && event.guest.uuid === guest.uuid) removed.resolve();
    });
    const deadline = AbortSignal.timeout(RELEASE_MS);
    deadline.onabort = () => removed.resolve();
    try {
      await this.#call("domainDetachDeviceFlags", { domain: domainOf(guest), xml, flags: LIVE });
      for (;;) {
        removed = Promise.withResolvers();
        const late = deadline.aborted;
        if (find(parseDomain(await this.#xml(guest, 0))) === undefined) return;
        if (late) throw new HypervisorError("wrong-state", "the running guest has not let go of it");
        await removed.promise;
      }
    } finally {
      watching.close();
    }
  }

  async #make(guest: Guest, { what, defined, live, make }: Part): Promise<Change> {
    if (live !== false) {
      const when = defined !== false ? "already" : live === true ? "now" : "next-start";
      return { what, when, why: undefined };
    }
    const later = defined === undefined ? "never" : "next-start";
    if (typeof make === "string") return { what, when: later, why: make };
    try {
      await this.#take(guest, make);
      return { what, when: "now", why: undefined };
    } catch (error) {
      const failure = hypervisorError(what, error);
      if (!(failure instanceof HypervisorError)) throw error;
      const lost = isFailure(failure, "no-answer") || isFailure(failure, "unreachable");
      return { what, when: lost ? "unknown" : later, why: reasonOf(failure) };
    }
  }

  /** Reads once more before it writes: whoever changed the guest meanwhile keeps his change. */
  async #define(guest: Guest, { before, after }: { readonly before: string; readonly after: string }): Promise<void> {
    if ((await this.#definition(guest)) !== before) {
      throw new HypervisorError("busy", printable(`guest ${guest.name} was changed by somebody else meanwhile`), {
        hint: "nothing was changed here; try again",
      });
    }
    await this.#call("domainDefineXmlFlags", { xml: after, flags: 0 });
  }

  /** Undefined for a transient guest. */
  async #definition(guest: Guest): Promise<string | undefined> {
    const { persistent } = await this.#call("domainIsPersistent", { domain: domainOf(guest) });
    return persistent === 0 ? undefined : await this.#xml(guest, DEFINITION);
  }

  async #xml(guest: Guest, flags: number): Promise<string> {
    return (await this.#call("domainGetXmlDesc", { domain: domainOf(guest), flags })).xml;
  }

  async #call<K extends keyof Procedures>(name: K, args: Args<Procedures[K]>): Promise<Result<Procedures[K]>> {
    try {
      return await this.#libvirt.call(name, args, { deadlineMs: this.#deadlineMs });
    } catch (error) {
      throw hypervisorError(name, error);
    }
  }
}

const OTHER_MODEL = "name another by --model";

function cannotProtect(guest: Guest, why: string, hint: string): HypervisorError {
  return new HypervisorError("unsupported", printable(`guest ${guest.name} cannot be protected: ${why}`), { hint });
}

/** Of the guest as it will be. */
/** libvirt's words for what people meet most, in ours. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/No more available PCI slots/, "no bus of the running guest takes a PCI device; q35's own never does"],
  [/no virtio-serial controllers/, "the running guest has no virtio-serial controller, and libvirt plugs none in"],
  [/does not support hotplugging/, "the running guest has no ACPI, without which its bus takes nothing"],
  [/cannot acquire state change lock/, "its QEMU does not answer, or another job holds it"],
  [/already has a watchdog/, "this libvirt takes one watchdog device a guest"],
];

function reasonOf({ message, cause }: HypervisorError): string {
  const told = cause instanceof LibvirtRefusedError ? cause.description : message;
  return REASONS.find(([pattern]) => pattern.test(told))?.[1] ?? told;
}
