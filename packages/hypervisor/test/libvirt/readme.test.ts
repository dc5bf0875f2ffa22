/** The README's example, as it stands there, run against a real daemon. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Libvirt } from "../../src/libvirt/libvirt.ts";
import { collector } from "./collector.ts";
import { guestXml, sessionDaemon } from "./daemon.ts";
import { lastFirst } from "./last-first.ts";

const FOLDER = join(import.meta.dirname, "../../src/libvirt");

test("the README's example tells the guests, and a fire", async (t) => {
  const daemon = await sessionDaemon({ after: (undo) => lastFirst(t, undo) });
  const [, example] = /```ts\n(.*?)```/s.exec(await readFile(join(FOLDER, "README.md"), "utf8")) ?? [];
  assert.ok(example !== undefined && example.trimEnd().split("\n").length <= 10);
  const here = example
    .replace("@bernard/hypervisor/libvirt", join(FOLDER, "index.ts"))
    .replace("qemu:///system", daemon.uri("qemu:///session"));
  await writeFile(join(daemon.dir, "example.ts"), here);

  const libvirt = await Libvirt.open(daemon.uri("qemu:///session"));
  lastFirst(t, () => libvirt.close());
  const xml = guestXml(daemon, { name: "web" });
  const { domain } = await libvirt.call("domainDefineXmlFlags", { xml, flags: 0 }, { deadlineMs: 60_000 });
  const child = spawn(process.execPath, [join(daemon.dir, "example.ts")], { stdio: ["ignore", "pipe", "inherit"] });
  lastFirst(t, () => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, "web shutoff unknown");
  // Nothing tells when the example has begun to watch: the guest fires until it has.
  const { listener, next } = collector();
  await libvirt.watch(listener);
  let told: string | undefined;
  lines.next().then(({ value }) => {
    told = value;
  });
  while (told === undefined && !t.signal.aborted) {
    await libvirt.call("domainCreateWithFlags", { domain, flags: 0 }, { deadlineMs: 60_000 });
    await next("watchdog");
    await libvirt.call("domainDestroyFlags", { domain, flags: 0 }, { deadlineMs: 60_000 });
  }
  assert.equal(told, "web watchdog pause");
});
