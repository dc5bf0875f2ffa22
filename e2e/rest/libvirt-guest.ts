/** The small Linux guest as libvirt runs it. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Hypervisor, openHypervisor } from "@bernard/hypervisor";
import type { Daemon } from "@bernard/hypervisor/test-daemon";
import { CHANNEL_NAME } from "@bernard/protocol";
import { buildImage, ControlPort } from "@bernard/testbed";
import { run } from "@bernard/tools";
import { virsh } from "./witness.ts";

const CONTROL_NAME = "org.bernard.testbed.0";
const AGENT_NAME = "org.qemu.guest_agent.0";

const SCRIPT_MS = 60_000;
const BOOT_MS = 120_000;

export interface LibvirtGuestOptions {
  readonly name: string;
  /** Of bernard-guest, which feeds its watchdog device; without one nobody does. */
  readonly conf?: string;
  /** `wdat`: a q35 with Debian's cloud kernel, whose definition has no device yet. */
  readonly watchdog?: "i6300esb" | "wdat";
  /** Its first serial port; what a file takes cannot be opened by anybody. */
  readonly serial?: "pty" | "file";
  /** More of its XML. */
  readonly devices?: string;
}

export class LibvirtGuest {
  readonly name: string;
  readonly hypervisor: Hypervisor;
  readonly #daemon: Daemon;
  #control: ControlPort | undefined;
  #booted = Promise.withResolvers<void>();

  private constructor(name: string, daemon: Daemon, hypervisor: Hypervisor) {
    this.name = name;
    this.#daemon = daemon;
    this.hypervisor = hypervisor;
  }

  static async define(t: TestContext, daemon: Daemon, options: LibvirtGuestOptions): Promise<LibvirtGuest> {
    const file = join(daemon.dir, `${options.name}.xml`);
    await writeFile(file, await domainXml(t, daemon, options));
    await virsh(daemon, "define", file);
    const hypervisor = await openHypervisor(daemon.uri("qemu:///session"));
    t.after(() => hypervisor.close());
    return new LibvirtGuest(options.name, daemon, hypervisor);
  }

  /** Defines it, starts it, and resolves once it takes scripts. */
  static async boot(t: TestContext, daemon: Daemon, options: LibvirtGuestOptions): Promise<LibvirtGuest> {
    const guest = await LibvirtGuest.define(t, daemon, options);
    await guest.start();
    return guest;
  }

  /** Resolves once it takes scripts. */
  async start(): Promise<void> {
    await virsh(this.#daemon, "start", "--paused", this.name);
    await this.attach();
    await virsh(this.#daemon, "resume", this.name);
    const late = setTimeout(() => this.#booted.reject(new Error("the guest does not boot")), BOOT_MS);
    await this.#booted.promise.finally(() => clearTimeout(late));
  }

  /** Its scripts' end of the control port, of this run: needed again after another start of its emulator. */
  async attach(): Promise<void> {
    const port = await this.hypervisor.channel(await this.hypervisor.guest(this.name), CONTROL_NAME);
    if (this.#control === undefined) this.#control = new ControlPort(port, () => this.#booted.resolve());
    else this.#control.moveTo(port);
  }

  /** Calls what leads to a boot, and resolves once it has booted. */
  async rebooted(cause: () => Promise<unknown>): Promise<void> {
    this.#booted = Promise.withResolvers();
    await cause();
    await this.#booted.promise;
  }

  /** Runs a script in the guest that must end well. */
  async sh(script: string): Promise<string> {
    assert.ok(this.#control);
    const { code, output } = await this.#control.run(script, SCRIPT_MS);
    assert.equal(code, 0, output);
    return output;
  }

  uuid(): Promise<string> {
    return virsh(this.#daemon, "domuuid", this.name);
  }
}

async function domainXml(
  t: TestContext,
  daemon: Daemon,
  { name, conf, watchdog = "i6300esb", serial = "pty", devices = "" }: LibvirtGuestOptions,
): Promise<string> {
  const image = await buildImage((line) => t.diagnostic(line), watchdog === "wdat" ? "cloud" : undefined);
  const disk = join(daemon.dir, `${name}.qcow2`);
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", image.dataDisk, "-F", "qcow2", disk]);
  const append = [
    "console=ttyS0 quiet no_timer_check mitigations=off cryptomgr.notests initcall_blacklist=tracer_init_tracefs",
    `testbed.fs=${image.fileSystem} testbed.watchdog=${watchdog} testbed.feeder=${conf === undefined ? "none" : "bernard"}`,
    `testbed.conf=${Buffer.from(conf ?? "").toString("base64")}`,
  ].join(" ");
  const channel = (port: string) => `<channel type='unix'><target type='virtio' name='${port}'/></channel>`;
  const ports = watchdog === "wdat" ? [CONTROL_NAME] : [CHANNEL_NAME, CONTROL_NAME, AGENT_NAME];
  return `<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>256</memory>
  <os>
    <type arch='x86_64' machine='${watchdog === "wdat" ? "q35" : "pc"}'>hvm</type>
    <kernel>${image.kernel}</kernel><initrd>${image.initrd}</initrd><cmdline>${append}</cmdline>
  </os>
  <features><acpi/></features>
  <pm><suspend-to-mem enabled='yes'/></pm>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>
    <controller type='usb' model='none'/>
    ${serial === "pty" ? "<serial type='pty'/>" : `<serial type='file'><source path='${disk}.console'/></serial>`}
    ${ports.map(channel).join("\n    ")}
    ${watchdog === "wdat" ? "" : `<watchdog model='${watchdog}' action='reset'/>`}
    ${devices}
    <memballoon model='none'/>
  </devices>
</domain>`;
}
