/** Linux's own drivers, unmodified, on our devices: Debian's i386 kernel in v86, fed by busybox and by bernard-guest. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { V86Guest } from "../v86/guest.ts";
import { buildV86Image, type V86Image } from "../v86/image.ts";

/** As bernard-guest and a driver count it: of one second, in ticks of a preload. */
const TICKS_A_SECOND = 1 << 9;
const SLOW_TICK_NS = 983_040n;
const WDIOF_CARDRESET = 0x20;

const say = (line: string) => console.error(`- ${line}`);
let image: V86Image;
let guest: V86Guest;

before(async () => {
  image = await buildV86Image(say);
  guest = await V86Guest.start(image, say);
});
after(() => guest.end());

const sysfs = (name: string) => guest.shell(`cat /sys/class/watchdog/watchdog0/${name}`);
const lock = () => guest.i6300esb.readConfig(0x68, 1);
const pciDeadline = () => guest.i6300esb.state().deadline;
const isaDeadline = () => guest.ib700.state().deadline;

async function untilFed(deadline: () => bigint | undefined, times: number): Promise<void> {
  for (let fed = 0; fed < times; fed++) {
    const last = deadline();
    await guest.until(() => deadline() !== undefined && deadline() !== last, "a feed");
  }
}

/** Waits for a fire, and for nothing else: `deadline` is when it must come, to the nanosecond. */
async function untilFire(deadline: bigint): Promise<void> {
  const before = guest.fires.length;
  await guest.until(() => guest.fires.length > before, "a fire");
  assert.deepEqual(guest.fires.slice(before), [deadline]);
}

/** The end of both stages, of which the first or the second runs. */
function pciFireTime(): bigint {
  const { stage, deadline, preload2 } = guest.i6300esb.state();
  return stage === 2 ? deadline! : deadline! + BigInt(preload2) * SLOW_TICK_NS;
}

test("i6300esb: the driver finds the device and sets it up", async () => {
  await guest.shell("insmod /lib/modules/watchdog.ko && insmod /lib/modules/i6300esb.ko heartbeat=4");
  assert.deepEqual(
    [await sysfs("identity"), await sysfs("timeout"), await sysfs("state"), await sysfs("bootstatus")],
    ["i6300ESB timer", "4", "inactive", "0"],
  );
  assert.equal(guest.i6300esb.readConfig(0x60, 2), 3);
  const { preload1, preload2 } = guest.i6300esb.state();
  assert.deepEqual([preload1, preload2], [4 * TICKS_A_SECOND, 4 * TICKS_A_SECOND]);
  assert.equal(lock(), 0);
});

test("i6300esb: open arms it, a write feeds it", async () => {
  await guest.shell("exec 3> /dev/watchdog");
  assert.equal(lock(), 2);
  const armed = pciDeadline()!;
  await guest.shell("echo . >&3");
  assert.ok(pciDeadline()! > armed);
});

test("i6300esb: the magic close disarms it", async () => {
  await guest.shell("printf V >&3; exec 3>&-");
  assert.equal(lock(), 0);
  assert.equal(pciDeadline(), undefined);
  assert.equal(await sysfs("state"), "inactive");
});

test("i6300esb: an unexpected close leaves it armed, and it fires", async () => {
  await guest.shell("exec 3> /dev/watchdog; exec 3>&-");
  assert.match(await guest.shell("dmesg | tail -n 1"), /watchdog did not stop!/);
  assert.equal(lock(), 2);
  await untilFire(pciFireTime());
  assert.equal(lock(), 0);
  assert.equal(guest.i6300esb.readMemory(0xc, 2), 0x1200);
});

test("i6300esb: the driver believes that it is armed still, and its feeds do nothing", async () => {
  assert.equal(await sysfs("state"), "active");
  await guest.shell("exec 3> /dev/watchdog; echo . >&3");
  assert.equal(pciDeadline(), undefined);
  await guest.shell("printf V >&3; exec 3>&-");
});

test("i6300esb: after the power cycle the boot status tells of the fire, once", async () => {
  await guest.end();
  guest = await V86Guest.start(image, say, { fired: true });
  await guest.shell("insmod /lib/modules/watchdog.ko && insmod /lib/modules/i6300esb.ko");
  assert.equal(await sysfs("bootstatus"), `${WDIOF_CARDRESET}`);
  assert.equal(guest.i6300esb.readMemory(0xc, 2), 0);
  await guest.shell("rmmod i6300esb; insmod /lib/modules/i6300esb.ko");
  assert.equal(await sysfs("bootstatus"), "0");
});

test("i6300esb: busybox sets another timeout and feeds past it; killed with grace, it disarms", async () => {
  await guest.shell("watchdog -T 6 -t 500ms /dev/watchdog");
  await untilFed(pciDeadline, 3);
  assert.equal(await sysfs("timeout"), "6");
  assert.equal(guest.i6300esb.state().preload1, 6 * TICKS_A_SECOND);
  await guest.shell("killall watchdog");
  await guest.until(() => lock() === 0, "the magic close");
});

test("i6300esb: bernard-guest feeds it; frozen, it fires", async () => {
  await feedByBernard(pciDeadline);
  assert.equal(guest.i6300esb.state().preload1, 4 * TICKS_A_SECOND);
  await guest.shell("killall -STOP bernard-guest");
  await untilFire(pciFireTime());
  await guest.shell("killall -KILL bernard-guest; rmmod i6300esb");
});

test("ib700: the driver arms with its timeout, a write feeds", async () => {
  await guest.shell("insmod /lib/modules/ib700wdt.ko timeout=4");
  assert.equal(isaDeadline(), undefined);
  await guest.shell("exec 3> /dev/watchdog");
  const armed = isaDeadline()!;
  await guest.shell("echo . >&3");
  assert.ok(isaDeadline()! > armed);
});

test("ib700: the magic close disarms it", async () => {
  await guest.shell("printf V >&3; exec 3>&-");
  assert.equal(isaDeadline(), undefined);
});

test("ib700: an unexpected close leaves it armed, and it fires", async () => {
  await guest.shell("exec 3> /dev/watchdog; exec 3>&-");
  assert.match(await guest.shell("dmesg | tail -n 1"), /WDT device closed unexpectedly/);
  await untilFire(isaDeadline()!);
  assert.equal(isaDeadline(), undefined);
});

test("ib700: a fire does not end it: the next feed arms it again", async () => {
  await guest.shell("exec 3> /dev/watchdog; echo . >&3");
  assert.notEqual(isaDeadline(), undefined);
  await guest.shell("printf V >&3; exec 3>&-");
});

test("ib700: bernard-guest feeds it; frozen, it fires", async () => {
  await feedByBernard(isaDeadline);
  await guest.shell("killall -STOP bernard-guest");
  await untilFire(isaDeadline()!);
});

async function feedByBernard(deadline: () => bigint | undefined): Promise<void> {
  await guest.shell("printf 'watchdog-device = /dev/watchdog\\nwatchdog-timeout = 4\\n' > /etc/guest.conf");
  await guest.shell("bernard-guest --config /etc/guest.conf > /tmp/log 2>&1 &");
  await untilFed(deadline, 3);
}
