/** Tiny guests under a libvirtd of the test's own. */
import { after, type TestContext } from "node:test";
import { isRefusal, Libvirt } from "@bernard/hypervisor/libvirt";
import { type Daemon, guestXml, sessionDaemon } from "@bernard/hypervisor/test-daemon";

/** VIR_DOMAIN_START_PAUSED */
const PAUSED = 1;

const PATIENT = { deadlineMs: 60_000 };

/** `out`: a device of that model behind libvirt's back. */
export interface Guest {
  readonly name: string;
  readonly model?: "ib700" | "i6300esb" | "none";
  readonly action?: string;
  readonly out?: string;
  readonly log?: boolean;
}

export class Stage {
  readonly daemon: Daemon;
  readonly libvirt: Libvirt;

  constructor(daemon: Daemon, libvirt: Libvirt) {
    this.daemon = daemon;
    this.libvirt = libvirt;
  }

  /** For `--connect`. */
  get uri(): string {
    return this.daemon.uri("qemu:///session");
  }

  /** The same XML on every QEMU: the machine's version is fixed. */
  xml({ name, model = "ib700", action = "reset", out, log = false }: Guest): string {
    const xml = guestXml(this.daemon, { name, model, action })
      .replace("machine='pc'", "machine='pc-i440fx-6.2'")
      .replace(
        "<serial type='pty'/>",
        log ? `<serial type='file'><source path='${this.daemon.dir}/log-of-one'/></serial>` : "$&",
      )
      .replace(model === "none" ? /<watchdog.*\/>/ : "$", "");
    if (out === undefined) return xml;
    const args = ["-device", out].map((value) => `<qemu:arg value='${value}'/>`).join("");
    return xml
      .replace("<domain ", "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ")
      .replace("</domain>", `<qemu:commandline>${args}</qemu:commandline></domain>`);
  }

  /** A definition, gone with the test. */
  async define(t: TestContext, guest: Guest): Promise<void> {
    const { domain } = await this.libvirt.call("domainDefineXmlFlags", { xml: this.xml(guest), flags: 0 }, PATIENT);
    t.after(() => this.libvirt.call("domainUndefineFlags", { domain, flags: 0 }));
  }

  /** A transient guest that runs, or stands before its first step; gone with the test. */
  async start(t: TestContext, guest: Guest, how: "running" | "paused" = "running") {
    const flags = how === "paused" ? PAUSED : 0;
    const { domain } = await this.libvirt.call("domainCreateXml", { xml: this.xml(guest), flags }, PATIENT);
    t.after(async () => {
      const destroyed = this.libvirt.call("domainDestroyFlags", { domain, flags: 0 }, PATIENT);
      await destroyed.catch((error: unknown) => {
        // A libvirtd that was started anew, and still finds out what runs, destroys it and then says so.
        if (!isRefusal(error, "noDomain")) throw error;
      });
    });
    return domain;
  }

  /** Resolves at the next fire of any guest that is started from now on. */
  async nextFire(t: TestContext): Promise<{ fired: Promise<void> }> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watch = await this.libvirt.watch(({ type }) => type === "watchdog" && resolve());
    t.after(() => watch.close());
    return { fired: promise };
  }
}

/** One libvirtd for all tests of a file. */
export async function startStage(): Promise<Stage> {
  const daemon = await sessionDaemon({ after });
  const libvirt = await Libvirt.open(daemon.uri("qemu:///session"));
  after(() => libvirt.close());
  await libvirt.call("connectGetCapabilities", {}, PATIENT); // whoever asks first waits for it
  return new Stage(daemon, libvirt);
}
