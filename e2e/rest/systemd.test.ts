/** The .deb in a Debian guest with systemd, from its installation to its purge: whatever an operator does on purpose, nothing fires. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, type TestContext, test } from "node:test";
import { buildPackages } from "@bernard/guest/package";
import {
  bootTestGuest,
  buildSystemdImage,
  exhaustMemory,
  failDisk,
  type Image,
  quickConf,
  type TestGuest,
  untilDiskWritable,
  untilFed,
  watchRescue,
} from "@bernard/testbed";
import { download } from "@bernard/tools";
import { DEADLINES, fires, isBye, isHello, isLastWords, LOCK_BYTE, printed, sh, TIMEOUT_S, ticks } from "../stage.ts";

const VERSION = "1.0.0";
const NEWER = "1.0.1";

/** Milliseconds that a busy machine may take for a boot, and for a step of dpkg's. */
const BOOT_MS = 180_000;
const STEP_MS = 120_000;

/** Milliseconds after which an unfed device has fired, and 10 s more. */
const UNFED_MS = (TIMEOUT_S + 10) * 1000;

/** Seconds, twice what the package has: exhausted, on two cores with a load of ten, this guest got no processor for half a minute. */
const PATIENT_S = 60;

/** All stories of one guest take 150 s on an idle machine. */
const LIFE = { timeout: 900_000 };

/** Much of this guest's page cache is programs that run: what is left of it stalls too little for PSI, so pages are counted; 6 MiB. */
const PATIENT_CONF = quickConf(PATIENT_S)
  .replace(/^max-memory-pressure = .*$/m, "min-memory = 1600\nretry-timeout = 5")
  .replace(/^hang-hold = .*$/m, "hang-hold = 120");

suite("bernard-guest's package in a guest with systemd", () => {
  let dir = "";
  let image: Image;

  before(async () => {
    image = await buildSystemdImage(console.log);
    dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    for (const version of [VERSION, NEWER]) {
      await buildPackages({ version, time: 1_700_000_000, out: join(dir, version), say: () => {} });
    }
  });
  after(() => rm(dir, { recursive: true, force: true }));

  /** Boots a guest with the packages in /root. */
  async function boot(t: TestContext): Promise<TestGuest> {
    const guest = await bootTestGuest({ image, watchdog: "i6300esb", cpus: 2 });
    t.after(() => guest.stop());
    for (const version of [VERSION, NEWER]) {
      const deb = await readFile(join(dir, version, `bernard-guest_${version}_amd64.deb`));
      await guest.put(`/root/bernard-guest_${version}.deb`, deb);
    }
    return guest;
  }

  test("installed, it feeds; the guest comes back from its troubles, reboots and powers off", LIFE, async (t) => {
    const guest = await boot(t);
    // Before the package comes, as by cloud-init: its own file says nothing else, and includes this.
    await sh(guest, "mkdir /etc/bernard-guest.conf.d");
    await guest.put("/etc/bernard-guest.conf.d/story.conf", Buffer.from(PATIENT_CONF));
    // A distribution's blacklist, and no driver loaded: what an installation finds on Ubuntu.
    const blacklist = "blacklist i6300esb\n";
    await guest.put("/etc/modprobe.d/blacklist-watchdog.conf", Buffer.from(blacklist));
    await sh(guest, "rmmod i6300esb");

    await t.test("dpkg -i is all that it takes", async () => {
      await install(guest, VERSION);
      await untilDiskWritable(guest);
      const hello = guest.messages.map(({ message }) => message).findLast(isHello);
      assert.deepEqual(hello?.device, { identity: "i6300ESB timer", timeout: PATIENT_S });
      assert.equal(await printed(guest, "systemctl is-enabled bernard-guest"), "enabled");
      await assertActive(guest);
    });

    for (const [name, fault, cause] of [
      ["its memory is exhausted", exhaustMemory, /^(min-)?memory: /],
      ["its disk stops writing", failDisk, /^disk:\/data: \/data refuses writes/],
    ] as const) {
      await t.test(`it comes back when ${name}`, async (t) => {
        const before = fires(guest);
        const faultAt = performance.now();
        await fault(guest);
        const rescue = await watchRescue(guest, faultAt, { ...DEADLINES, feedingMs: BOOT_MS });
        t.diagnostic(JSON.stringify(rescue));
        assert.match(rescue.cause ?? "silence", cause);
        assert.equal(fires(guest), before + 1, "one trouble, one fire");
        await untilDiskWritable(guest);
        await assertActive(guest);
      });
    }

    await t.test("a reboot hands the device over, ticking, and nothing fires", async () => {
      const before = fires(guest);
      const sinceMs = performance.now();
      await sh(guest, "systemctl reboot --no-wall");
      const bye = await guest.nextMessage(isBye, { deadlineMs: STEP_MS, sinceMs });
      assert.equal(bye.message.armed, true, "a shutdown that hangs would still fire");
      const { atMs } = await guest.nextBoot({ deadlineMs: BOOT_MS, sinceMs });
      await untilFed(guest, atMs);
      await assertActive(guest);
      assert.equal(fires(guest), before);
    });

    await t.test("the blacklist is as it was", async () => {
      assert.equal(await printed(guest, "cat /etc/modprobe.d/*"), blacklist.trim());
    });

    await t.test(
      "a power-off disarms the device, and nothing fires, though a service that must live waits for a slow one",
      async () => {
        const before = fires(guest);
        const service = (more: string) => Buffer.from(`[Service]\nExecStart=/bin/sleep 10000\n${more}`);
        await guest.put("/run/systemd/system/must-live.service", service(""));
        await guest.put("/run/systemd/system/slow.service", service("ExecStop=/bin/sleep 20\n"));
        const conf = Buffer.from("unit = must-live.service\nretry-timeout = 3\n");
        await guest.put("/etc/bernard-guest.conf.d/unit.conf", conf);
        const loadMs = performance.now();
        await sh(guest, "systemctl daemon-reload && systemctl start must-live slow && systemctl reload bernard-guest");
        await guest.nextMessage(isHello, { deadlineMs: STEP_MS, sinceMs: loadMs });
        const sinceMs = performance.now();
        await sh(guest, "systemctl poweroff --no-wall");
        const { data } = await guest.nextEvent("SHUTDOWN", { deadlineMs: STEP_MS, sinceMs });
        assert.equal(data.reason, "guest-shutdown");
        assert.ok(performance.now() - sinceMs > 20_000, "the slow one has had its time");
        const told = guest.messages.some(
          ({ message }) => isLastWords(message) && message.check === "unit:must-live.service",
        );
        assert.ok(told, "it was seen to end, and ended nothing");
        const bye = guest.messages.map(({ message }) => message).findLast(isBye);
        assert.equal(bye?.armed, false);
        assert.equal(fires(guest), before);
      },
    );
  });

  test("upgraded, downgraded, killed and purged, nothing fires and nothing is unfed", async (t) => {
    const guest = await boot(t);
    await sh(guest, "mkdir /etc/bernard-guest.conf.d");
    await guest.put("/etc/bernard-guest.conf.d/story.conf", Buffer.from(quickConf(TIMEOUT_S)));
    await install(guest, VERSION);
    await untilDiskWritable(guest);

    for (const [name, version] of [
      ["an upgrade", NEWER],
      ["a downgrade", VERSION],
    ] as const) {
      await t.test(`${name} executes the other version in place: the device is never disarmed`, async () => {
        const pid = await mainPid(guest);
        const sinceMs = performance.now();
        const { stop } = await watchTicking(guest);
        await install(guest, version);
        const hello = await guest.nextMessage(isHello, { deadlineMs: STEP_MS, sinceMs });
        await untilFed(guest, hello.atMs);
        assert.deepEqual(await stop(), ["ticks"]);
        assert.equal(await mainPid(guest), pid, "the same process");
        assert.equal(
          await printed(guest, `readlink /proc/${pid}/exe`),
          "/usr/sbin/bernard-guest",
          "the file of the package",
        );
        assert.equal(await printed(guest, "dpkg-query --show bernard-guest"), `bernard-guest\t${version}`);
        await assertActive(guest);
      });
    }

    await t.test("a crash: the device goes on ticking, and is fed anew in time", async () => {
      const sinceMs = performance.now();
      const { stop } = await watchTicking(guest);
      await sh(guest, `kill -9 ${await mainPid(guest)}`);
      const hello = await guest.nextMessage(isHello, { deadlineMs: STEP_MS, sinceMs });
      await untilFed(guest, hello.atMs);
      assert.deepEqual(await stop(), ["ticks"]);
      await assertActive(guest);
    });

    await t.test("a purge stops the device and leaves nothing", async () => {
      const sinceMs = performance.now();
      await sh(guest, "rm /etc/bernard-guest.conf.d/story.conf; dpkg --purge bernard-guest");
      const bye = await guest.nextMessage(isBye, { deadlineMs: STEP_MS, sinceMs });
      assert.equal(bye.message.armed, false);
      assert.equal(await ticks(guest), false);
      const left = "find / -xdev -path /proc -prune -o -name '*bernard-guest*' -not -path '/root/*' -print";
      assert.equal(await printed(guest, left), "");
      assert.equal(await printed(guest, "systemctl --failed --plain --no-legend"), "");
      await assert.rejects(guest.nextEvent("WATCHDOG", { deadlineMs: UNFED_MS }), /no WATCHDOG event/);
    });
    assert.equal(fires(guest), 0);
  });

  test("it takes over from watchdog(8); the rescue target disarms", async (t) => {
    const guest = await boot(t);
    const debs = await download("debian-watchdog-deb", ["watchdog"], console.log);
    const [former] = await readdir(debs);
    await guest.put("/root/watchdog.deb", await readFile(join(debs, former as string)));
    await dpkg(guest, "--install /root/watchdog.deb");
    await sh(
      guest,
      `systemctl stop watchdog wd_keepalive
      printf 'watchdog-device = /dev/watchdog\nwatchdog-timeout = ${TIMEOUT_S}\nmin-memory = 1\n' > /etc/watchdog.conf
      systemctl start watchdog`,
    );
    assert.equal(await ticks(guest), true, "watchdog(8) feeds it");

    await t.test("one dpkg -i takes its place and its settings", async () => {
      await dpkg(guest, `--install /root/bernard-guest_${VERSION}.deb`);
      await untilFed(guest);
      const hello = guest.messages.map(({ message }) => message).findLast(isHello);
      assert.equal(hello?.device?.timeout, TIMEOUT_S);
      await assertActive(guest);
      assert.equal((await guest.run("pidof watchdog wd_keepalive")).output, "");
      assert.equal((await guest.run("test -e /usr/sbin/watchdog")).code, 1, "its package is gone");
    });

    await t.test("purging what is left of it disturbs nothing", async () => {
      const { stop } = await watchTicking(guest);
      await dpkg(guest, "--purge watchdog");
      assert.deepEqual(await stop(), ["ticks"]);
      await assertActive(guest);
    });

    await t.test("systemctl rescue disarms, and back in the default target it is fed", async () => {
      const sinceMs = performance.now();
      await sh(guest, "systemctl --no-block --no-wall rescue");
      const bye = await guest.nextMessage(isBye, { deadlineMs: STEP_MS, sinceMs });
      assert.equal(bye.message.armed, false);
      await sh(guest, "until systemctl --quiet is-active rescue.target; do sleep 0.2; done");
      assert.equal(await ticks(guest), false);
      await assert.rejects(guest.nextEvent("WATCHDOG", { deadlineMs: UNFED_MS }), /no WATCHDOG event/);
      const backMs = performance.now();
      await sh(guest, "systemctl --no-block default");
      await untilFed(guest, backMs);
      await assertActive(guest);
    });
    assert.equal(fires(guest), 0);
  });

  test("a boot into the rescue target arms nothing", async (t) => {
    const guest = await boot(t);
    await install(guest, VERSION);
    await untilFed(guest);
    await sh(guest, "systemctl --quiet set-default rescue.target; systemctl --no-wall reboot");
    const { atMs } = await guest.nextBoot({ deadlineMs: BOOT_MS });
    await sh(guest, "until systemctl --quiet is-active rescue.target; do sleep 0.2; done");
    assert.equal((await guest.run("systemctl is-active bernard-guest")).output, "inactive\n");
    assert.equal(await ticks(guest), false);
    assert.deepEqual(
      guest.messages.filter((received) => received.atMs >= atMs),
      [],
    );
    assert.equal(fires(guest), 0);
  });
});

const dpkg = (guest: TestGuest, action: string) => sh(guest, `DEBIAN_FRONTEND=noninteractive dpkg ${action}`);

const install = (guest: TestGuest, version: string) => dpkg(guest, `--install /root/bernard-guest_${version}.deb`);

const mainPid = (guest: TestGuest) => printed(guest, "systemctl show --property=MainPID --value bernard-guest");

/** Asks the hardware again and again; `stop` tells what it has answered, each answer once. */
async function watchTicking(guest: TestGuest): Promise<{ readonly stop: () => Promise<string[]> }> {
  await sh(guest, "touch /run/watching");
  const answers = guest.run(
    `while [ -e /run/watching ]; do ${LOCK_BYTE}; sleep 0.2; done | while read -r byte; do
      if [ $((byte & 2)) = 2 ]; then echo ticks; else echo rests; fi
    done | sort -u`,
    { deadlineMs: 2 * STEP_MS },
  );
  const stop = async () => {
    await sh(guest, "rm /run/watching");
    return (await answers).output.trim().split("\n");
  };
  return { stop };
}

/** systemd knows the daemon as running and nothing as failed, and the hardware ticks. */
async function assertActive(guest: TestGuest): Promise<void> {
  const state = await printed(guest, "systemctl is-active bernard-guest; systemctl --failed --plain --no-legend");
  assert.equal(state, "active");
  assert.equal(await ticks(guest), true);
}
