/** libvirt for the contract: a session's daemon with QEMU's guests, and its own `test:///default`. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Scope } from "@bernard/tools";
import { isRefusal } from "../../src/libvirt/errors.ts";
import { Libvirt } from "../../src/libvirt/libvirt.ts";
import { openHypervisor } from "../../src/open-hypervisor.ts";
import { type Daemon, guestsOf, guestXml, sessionDaemon } from "../libvirt/daemon.ts";
import { lastFirst } from "../libvirt/last-first.ts";
import type { BootOptions, World } from "./adapters.ts";

/** VIR_DOMAIN_START_PAUSED */
const PAUSED = 1;

/** The first guest of a daemon waits until it has asked QEMU for all that it can. */
const PATIENCE = { deadlineMs: 60_000 };

export async function libvirtQemu(scope: Scope): Promise<World> {
  return await libvirtWorld(scope, "qemu:///session", async (daemon, name, action) => {
    const disk = diskOf(daemon, name);
    await writeFile(disk, Buffer.alloc(1024 * 1024));
    const device = `<disk type='file'><driver name='qemu' type='raw'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>`;
    return guestXml(daemon, { name, action }).replace("<video>", `${device}<video>`);
  });
}

/** No other guest of the machine's has it among its arguments. */
const diskOf = (daemon: Daemon, name: string) => join(daemon.dir, `${name}.raw`);

export function libvirtTest(scope: Scope): Promise<World> {
  return libvirtWorld(
    scope,
    "test:///default",
    async (_, name) =>
      `<domain type='test'><name>${name}</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>`,
  );
}

async function libvirtWorld(
  scope: Scope,
  uri: string,
  xmlOf: (daemon: Daemon, name: string, action: string) => Promise<string>,
): Promise<World> {
  const daemon = await sessionDaemon(scope);
  const libvirt = await Libvirt.open(daemon.uri(uri));
  lastFirst(scope, () => libvirt.close());
  const find = async (name: string) => (await libvirt.call("domainLookupByName", { name })).domain;
  const remove = async (name: string) => {
    const domain = await find(name);
    await libvirt.call("domainDestroyFlags", { domain, flags: 0 }, PATIENCE).catch((error: unknown) => {
      if (!isRefusal(error, "operationInvalid")) throw error; // it is off
    });
    await libvirt.call("domainUndefineFlags", { domain, flags: 0 }, PATIENCE);
  };
  return {
    dir: daemon.dir,
    open: (options) => openHypervisor(daemon.uri(uri), options),
    boot: async (t, { name = "tiny", action = "none" }: BootOptions = {}) => {
      const xml = await xmlOf(daemon, name, action);
      const { domain } = await libvirt.call("domainDefineXmlFlags", { xml, flags: 0 });
      lastFirst(t, () =>
        remove(name).catch((error: unknown) => {
          if (!isRefusal(error, "noDomain")) throw error;
        }),
      );
      const real = uri.startsWith("qemu");
      await libvirt.call("domainCreateWithFlags", { domain, flags: real ? PAUSED : 0 }, PATIENCE);
      if (!real) await libvirt.call("domainSuspend", { domain });
      return { name };
    },
    remove,
    emulator: async (name) => {
      const [pid, ...others] = await guestsOf(diskOf(daemon, name));
      if (pid === undefined || others.length > 0) throw new Error(`${name} has not one emulator`);
      return pid;
    },
    lose: async () => {
      await daemon.stop("SIGKILL");
      return () => daemon.start();
    },
  };
}
