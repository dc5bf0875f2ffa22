/** The systemd guest comes up whole, takes files, reboots and powers off. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { bootTestGuest, buildSystemdImage, type TestGuest } from "../../src/index.ts";

const BOOT_MS = 120_000;

/** Waits until systemd has done what it had to; what it calls the outcome. */
async function state(guest: TestGuest): Promise<string> {
  const { output } = await guest.run("systemctl is-system-running --wait", { deadlineMs: BOOT_MS });
  return output.trim();
}

suite("the systemd guest", () => {
  let guest: TestGuest;

  before(async () => {
    const image = await buildSystemdImage(console.log);
    guest = await bootTestGuest({ image, watchdog: "i6300esb", cpus: 2 });
  });
  after(() => guest.stop());

  test("boots without a failed unit, with the driver of its watchdog", async () => {
    assert.equal(await state(guest), "running", (await guest.run("systemctl --failed")).output);
    assert.equal((await guest.run("cat /sys/class/watchdog/watchdog0/identity")).output, "i6300ESB timer\n");
    assert.equal(
      (await guest.run("findmnt -no SOURCE / && findmnt -no SOURCE /data")).output,
      "/dev/mapper/root\n/dev/mapper/data\n",
    );
  });

  test("takes files of any size, byte by byte", async () => {
    for (const size of [0, 1, 100_000]) {
      const content = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7) % 251));
      await guest.put("/root/it's here", content);
      const { output } = await guest.run(`base64 -w 0 "/root/it's here"`);
      assert.ok(Buffer.from(output, "base64").equals(content), `${size} bytes`);
    }
    await assert.rejects(
      guest.put("/none/file", Buffer.from("x")),
      /cannot write \/none\/file: .*Directory nonexistent/,
    );
  });

  test("reboots and powers off as an operator would have it", async () => {
    await guest.run("systemctl reboot");
    await guest.nextBoot({ deadlineMs: BOOT_MS });
    assert.equal(await state(guest), "running");
    await guest.run("systemctl poweroff");
    const { data } = await guest.nextEvent("SHUTDOWN", { deadlineMs: BOOT_MS, sinceMs: 0 });
    assert.equal(data.reason, "guest-shutdown");
    assert.deepEqual(
      guest.events.filter(({ name }) => name === "WATCHDOG"),
      [],
    );
  });
});
