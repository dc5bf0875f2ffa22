/** The ACPI table of `bernard acpi-table` in real guests: what Debian's own kernels make of it, and whether q35's timer keeps its word. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, type TestContext, test } from "node:test";
import type { Hello } from "@bernard/protocol";
import {
  bootTestGuest,
  buildImage,
  buildSystemdImage,
  failDisk,
  hang,
  type Kernel,
  quickConf,
  type TestGuest,
  type TestGuestOptions,
  untilDiskWritable,
  untilFed,
} from "@bernard/testbed";
import { root, run } from "@bernard/tools";
import { CONF_FILE, DAEMON, DEADLINES, fires, isHello, SOON, sh, TIMEOUT_S } from "../stage.ts";

const FIRE = { deadlineMs: DEADLINES.fireMs };

/** Of the timer, in milliseconds; it fires at its second expiry. */
const TICK_MS = 600;
const ticksOf = (timeoutS: number) => Math.floor((timeoutS * 1000) / (2 * TICK_MS));

const WATCHDOG = "/sys/class/watchdog/watchdog0";

let dir = "";
let table = "";

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "wdat-"));
  table = join(dir, "q35.wdat");
  await run(join(root, "bernard"), ["acpi-table", "--machine", "q35", "-o", table]);
});
after(() => rm(dir, { recursive: true }));

/** A q35 guest with this kernel; it has the table, and its driver loaded, unless `options` say otherwise. */
async function boot(t: TestContext, kernel: Kernel, options: Partial<TestGuestOptions> = {}): Promise<TestGuest> {
  const image = await buildImage((line) => t.diagnostic(line), kernel);
  const guest = await bootTestGuest({ image, machine: "q35", watchdog: "wdat", acpiTables: [table], ...options });
  t.after(() => guest.stop());
  return guest;
}

/** The same with bernard-guest from the start. */
async function bootFed(t: TestContext, kernel: Kernel, options: Partial<TestGuestOptions> = {}): Promise<TestGuest> {
  const guest = await boot(t, kernel, { feeder: "bernard", conf: quickConf(TIMEOUT_S), ...options });
  await untilDiskWritable(guest);
  return guest;
}

/** Starts bernard-guest, which nothing starts anew; what it says of its device. */
async function start(guest: TestGuest, timeoutS = TIMEOUT_S): Promise<Hello["device"]> {
  await guest.put(CONF_FILE, Buffer.from(quickConf(timeoutS)));
  const hello = guest.nextMessage(isHello, SOON);
  await sh(guest, `bernard-guest --config ${CONF_FILE} < /dev/null > /dev/null 2>&1 &`);
  return (await hello).message.device;
}

async function stop(guest: TestGuest): Promise<void> {
  await sh(guest, `kill ${DAEMON}; while pidof bernard-guest > /dev/null; do usleep 50000; done`);
}

/** What the timer did, from QEMU's trace: loaded with so many ticks, expired once (0) or for the second time (1). */
async function timerIn(trace: string): Promise<string[]> {
  const lines = (await readFile(trace, "utf8")).matchAll(/^tco_timer_(reload|expired) \w+=(\d+)/gm);
  return [...lines].map(([, what, count]) => `${what} ${count}`);
}

/** The last fire is two expiries, each of half the timeout, counted by the timer itself and not by a clock of ours. */
async function assertFiredAfter(trace: string, timeoutS: number): Promise<void> {
  const timer = await timerIn(trace);
  const end = timer.lastIndexOf("expired 1") + 1;
  const reload = `reload ${ticksOf(timeoutS)}`;
  assert.deepEqual(timer.slice(end - 4, end), [reload, "expired 0", reload, "expired 1"]);
}

async function tableIn(guest: TestGuest): Promise<Buffer> {
  return Buffer.from(await sh(guest, "base64 /sys/firmware/acpi/tables/WDAT"), "base64");
}

async function identities(guest: TestGuest): Promise<string[]> {
  return (await sh(guest, "cat /sys/class/watchdog/watchdog*/identity 2> /dev/null || true")).split("\n").slice(0, -1);
}

suite("Debian's stock cloud kernel, which has a driver for no emulated watchdog device,", { concurrency: 2 }, () => {
  for (const firmware of ["bios", "uefi"] as const) {
    test(`drives q35's own by the table, with ${firmware}`, async (t) => {
      const guest = await bootFed(t, "cloud", { firmware });
      const trace = await guest.trace("tco_*");
      await t.test("the kernel is Debian's, and the table the one that was written", async () => {
        assert.match(await sh(guest, "uname -r"), /-cloud-amd64\n$/);
        assert.deepEqual(await tableIn(guest), await readFile(table));
        assert.equal(
          await sh(guest, "[ -d /sys/firmware/efi ] && echo uefi || echo bios"),
          `${firmware}\n`,
          "the firmware is the one that was asked for",
        );
        assert.equal(
          await sh(guest, "dd if=/sys/bus/pci/devices/0000:00:1f.0/config bs=1 skip=64 count=4 2> /dev/null | xxd -p"),
          "01060000\n",
          "it put PMBASE to 0x600",
        );
      });
      await t.test("wdat_wdt binds, with the table's limits", async () => {
        assert.deepEqual(await identities(guest), ["wdat_wdt"]);
        assert.equal(await sh(guest, `cd ${WATCHDOG} && cat min_timeout max_timeout bootstatus`), "3\n1227\n0\n");
      });
      await t.test("bernard-guest feeds it, and the guest lives", async () => {
        const { message: hello } = await guest.nextMessage(isHello, { ...SOON, sinceMs: 0 });
        assert.deepEqual(hello.device, { identity: "wdat_wdt", timeout: TIMEOUT_S });
        await sh(guest, `sleep ${TIMEOUT_S + 3}`);
        assert.equal(fires(guest), 0, "fed for longer than its timeout");
      });
      await t.test("its feeder is killed: it fires as late as it says, and the next boot knows", async () => {
        const killed = performance.now();
        await sh(guest, `kill -9 ${DAEMON}`);
        const { data } = await guest.nextEvent("WATCHDOG", { ...FIRE, sinceMs: killed });
        assert.equal(data.action, "reset");
        await assertFiredAfter(trace, TIMEOUT_S);
        const { atMs } = await guest.nextBoot({ ...FIRE, sinceMs: killed });
        assert.equal(await sh(guest, `cat ${WATCHDOG}/bootstatus`), "32\n", "WDIOF_CARDRESET");
        await untilFed(guest, atMs);
        await sh(guest, 'dmesg | grep "the boot before ended by the watchdog"');
      });
      await t.test("a clean stop stops it, and the guest lives unfed", async () => {
        await stop(guest);
        assert.equal(await sh(guest, `cat ${WATCHDOG}/state`), "inactive\n");
        await sh(guest, `sleep ${TIMEOUT_S + 3}`);
        assert.equal(fires(guest), 1, "but the one before");
      });
    });
  }

  test("keeps each timeout that the table allows, to the tick below", async (t) => {
    const guest = await boot(t, "cloud", { action: "none" });
    const trace = await guest.trace("tco_*");
    for (const [asked, timeout] of [
      [3, 3],
      [4, 4],
      [30, 30],
      [61, 61],
      [1227, 1227],
      [1228, 1227], // refused, and what was set before is kept
      [2, 1227],
    ] as const) {
      assert.deepEqual(await start(guest, asked), { identity: "wdat_wdt", timeout });
      await untilFed(guest, guest.messages.findLast(({ message }) => message.type === "hello")!.atMs);
      await stop(guest);
      assert.equal((await timerIn(trace)).at(-1), `reload ${ticksOf(timeout)}`, `asked for ${asked} s`);
    }
    const ticked = performance.now();
    await start(guest, 3);
    await sh(guest, `kill -9 ${DAEMON}`);
    await guest.nextEvent("WATCHDOG", { ...FIRE, sinceMs: ticked });
    await assertFiredAfter(trace, 3);
  });

  test("outlives each action that lets it, and is protected again by the next feed", async (t) => {
    const guest = await bootFed(t, "cloud");
    const trace = await guest.trace("tco_*");
    const survived: readonly (readonly [
      NonNullable<TestGuestOptions["action"]>,
      (sinceMs: number) => Promise<unknown>,
    ])[] = [
      ["none", async () => undefined],
      ["inject-nmi", () => sh(guest, "until dmesg | grep 'NMI received for unknown reason'; do usleep 100000; done")],
      ["shutdown", (sinceMs) => guest.nextEvent("POWERDOWN", { ...SOON, sinceMs })],
      [
        "pause",
        async (sinceMs) => {
          await guest.nextEvent("STOP", { ...SOON, sinceMs });
          await guest.resume();
        },
      ],
    ];
    for (const [action, consequence] of survived) {
      await t.test(action, async () => {
        await guest.setAction(action);
        const stopped = performance.now();
        await sh(guest, `kill -STOP ${DAEMON}`);
        const { data } = await guest.nextEvent("WATCHDOG", { ...FIRE, sinceMs: stopped });
        assert.equal(data.action, action);
        await consequence(stopped);
        assert.equal((await timerIn(trace)).at(-1), "expired 1", "the timer stands still");
        const went = performance.now();
        await sh(guest, `kill -CONT ${DAEMON}`);
        await untilFed(guest, went);
        assert.equal((await timerIn(trace)).at(-1), `reload ${ticksOf(TIMEOUT_S)}`, "it counts again");
      });
    }
    await t.test("poweroff ends the machine", async () => {
      await guest.setAction("poweroff");
      await guest.run(`kill -STOP ${DAEMON}`);
      await assert.rejects(guest.run("sleep 1000", FIRE), /QEMU has ended \(exit code 0\)/);
    });
    assert.equal(guest.boots.length, 1, "no fire has reset the guest");
  });

  test("lets a failed check end its feeding early, again and again where the guest outlives that", async (t) => {
    const guest = await bootFed(t, "cloud", { action: "none" });
    const trace = await guest.trace("tco_*");
    const failed = performance.now();
    await failDisk(guest);
    const { atMs } = await guest.nextEvent("WATCHDOG", { ...FIRE, sinceMs: failed });
    await assertFiredAfter(trace, 3);
    await sh(guest, 'until dmesg | grep "armed anew, timeout 10 s"; do usleep 100000; done');
    await guest.nextEvent("WATCHDOG", { ...FIRE, sinceMs: atMs + 1 });
  });

  test("is reset while the timer runs: that goes on, and ends no boot that takes longer", async (t) => {
    const guest = await boot(t, "cloud");
    await start(guest, 3); // shorter than an emulated boot
    await untilFed(guest);
    const reset = performance.now();
    await assert.rejects(guest.run("echo b > /proc/sysrq-trigger; sleep 1000", SOON), /the guest was reset/);
    await guest.nextBoot({ ...SOON, sinceMs: reset });
    await sh(guest, "sleep 5");
    assert.equal(fires(guest), 0);
    assert.equal(guest.boots.length, 2);
  });

  test("has no driver loaded: the guest is told to be unprotected, and nothing ticks", async (t) => {
    const image = await buildImage((line) => t.diagnostic(line), "cloud");
    const guest = await bootTestGuest({ image, machine: "q35", acpiTables: [table] });
    t.after(() => guest.stop());
    const trace = await guest.trace("tco_*");
    assert.equal(await start(guest), null);
    await sh(guest, 'dmesg | grep "NOT PROTECTED: this guest has no watchdog device"');
    assert.deepEqual(await timerIn(trace), []);
  });
});

suite("where the kernel has both drivers of q35's timer", { concurrency: 2 }, () => {
  for (const kernel of ["6.1", "6.12"] as const) {
    test(`${kernel}: the table's is the one that gets it, whichever comes first`, async (t) => {
      const guest = await boot(t, kernel);
      await sh(guest, "/lib/testbed/load itco");
      assert.deepEqual(await identities(guest), ["wdat_wdt"]);
      await sh(guest, "rmmod wdat_wdt iTCO_wdt lpc_ich; /lib/testbed/load itco; /lib/testbed/load wdat");
      assert.deepEqual(await identities(guest), ["wdat_wdt"]);
      assert.deepEqual(await start(guest), { identity: "wdat_wdt", timeout: TIMEOUT_S });
      const killed = performance.now();
      await sh(guest, `kill -9 ${DAEMON}`);
      await guest.nextEvent("WATCHDOG", { ...FIRE, sinceMs: killed });
      await guest.nextBoot({ ...FIRE, sinceMs: killed });
      assert.equal(fires(guest), 1);
    });
  }

  test("a kernel told to leave the table alone, or given none, has the chipset's driver", async (t) => {
    for (const options of [{ kernelArguments: "acpi_no_watchdog" }, { acpiTables: [] }]) {
      const guest = await boot(t, "6.1", options);
      assert.deepEqual(await identities(guest), []);
      await sh(guest, "/lib/testbed/load itco");
      assert.deepEqual(await identities(guest), ["iTCO_wdt"]);
    }
  });
});

suite("a guest with systemd on the cloud kernel", { concurrency: 2 }, () => {
  test("loads the driver by itself, feeds it by RuntimeWatchdogSec, and is reset when it hangs", async (t) => {
    const image = await buildSystemdImage((line) => t.diagnostic(line), "cloud");
    const guest = await bootTestGuest({
      image,
      machine: "q35",
      watchdog: "wdat",
      acpiTables: [table],
      kernelArguments: `systemd.watchdog_sec=${TIMEOUT_S}`,
    });
    t.after(() => guest.stop());
    await sh(guest, "until journalctl -b | grep \"Using hardware watchdog 'wdat_wdt'\"; do sleep 0.2; done");
    const trace = await guest.trace("tco_*");
    await sh(guest, `sleep ${TIMEOUT_S + 5}`);
    assert.equal(fires(guest), 0, "fed for longer than its timeout");
    assert.equal((await timerIn(trace)).at(-1), `reload ${ticksOf(TIMEOUT_S)}`);
    const hung = performance.now();
    await hang(guest);
    await guest.nextEvent("WATCHDOG", { ...FIRE, sinceMs: hung });
    await assertFiredAfter(trace, TIMEOUT_S);
    await guest.nextBoot({ deadlineMs: 180_000, sinceMs: hung });
    assert.equal(await sh(guest, `cat ${WATCHDOG}/bootstatus`), "32\n");
  });

  test("that blacklists all drivers gets the one it has by the service's own list", async (t) => {
    const image = await buildSystemdImage((line) => t.diagnostic(line), "cloud");
    const guest = await bootTestGuest({ image, machine: "q35", watchdog: "wdat", acpiTables: [table] });
    t.after(() => guest.stop());
    const unit = await readFile(join(root, "packages/guest/package/files/bernard-guest.service"), "utf8");
    const modules = /^Environment="BERNARD_MODULES=(.*)"$/m.exec(unit)?.[1];
    await sh(guest, "rmmod wdat_wdt; echo blacklist wdat_wdt > /etc/modprobe.d/watchdog.conf");
    await guest.run(`modprobe -q -a ${modules}`, SOON); // the others are not there, which the unit leaves without notice
    assert.deepEqual(await identities(guest), ["wdat_wdt"]);
  });
});

suite("a table that is not as it should be", { concurrency: 2 }, () => {
  /** The table with some bytes of it changed. */
  async function changed(name: string, change: (bytes: Buffer) => void): Promise<string> {
    const bytes = await readFile(table);
    change(bytes);
    const file = join(dir, name);
    await writeFile(file, bytes);
    return file;
  }

  test("with a wrong checksum reaches the guest with the right one: QEMU puts it in", async (t) => {
    const wrong = await changed("checksum", (bytes) => bytes.writeUInt8(bytes.readUInt8(9) ^ 0xff, 9));
    const guest = await boot(t, "cloud", { acpiTables: [wrong] });
    assert.deepEqual(await tableIn(guest), await readFile(table));
    assert.deepEqual(await identities(guest), ["wdat_wdt"]);
  });

  test("that comes second is never looked at", async (t) => {
    const second = await changed("second", (bytes) => bytes.writeUInt32LE(bytes.readUInt32LE(48) * 2, 48));
    const guest = await boot(t, "cloud", { acpiTables: [table, second] });
    assert.deepEqual(await identities(guest), ["wdat_wdt"]);
    assert.equal(await sh(guest, `cat ${WATCHDOG}/max_timeout`), "1227\n", "the first one's");
  });

  test("that names registers which the firmware has moved is no protection, and bernard-guest says so", async (t) => {
    const image = await buildImage((line) => t.diagnostic(line), "cloud");
    const guest = await bootTestGuest({ image, machine: "q35", acpiTables: [table] });
    t.after(() => guest.stop());
    // PMBASE, from 0x600 to 0xb000, as other firmware may have it.
    await sh(
      guest,
      `printf '\\001\\260' | dd of=/sys/bus/pci/devices/0000:00:1f.0/config bs=1 seek=64 conv=notrunc 2> /dev/null
      /lib/testbed/load wdat`,
    );
    assert.deepEqual(await identities(guest), ["wdat_wdt"], "the driver notices nothing");
    await guest.put(CONF_FILE, Buffer.from(quickConf(TIMEOUT_S)));
    const { code, output } = await guest.run("bernard-guest --config /etc/bernard-guest.conf", SOON);
    assert.equal(
      `${code}: ${output}`,
      "3: bernard-guest: wdat_wdt does not count down: its ACPI table (WDAT) names registers that are not there; " +
        "use the table for this machine and firmware\n",
    );
  });
});
