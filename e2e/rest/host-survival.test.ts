/** What the witness goes on through: its own death at every write, libvirt's, a full disk, a journal that is none any more. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Daemon, guestXml, sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { ensureInstalled } from "@bernard/tools";
import { created, emulatorOf, until, virsh, Witness, webhook } from "./witness.ts";

const JUDGE = { paused: "1 s", ask: "1 s", calm: "5 s" };

/** Most journal writes that one trouble may take; a limit for a test that would never end. */
const WRITES_MAX = 60;

const alertsTo = (url: string) => `alerts:\n  pager: { type: webhook, url: "${url}" }\n`;

test("killed at every journal write, the witness tells one trouble once, with its evidence", async (t) => {
  await ensureInstalled(["strace"], () => {});
  const daemon = await sessionDaemon(t);
  let survived = false;
  for (let write = 1; !survived; write++) {
    assert.ok(write < WRITES_MAX, "at some write there is nothing more to write");
    survived = !(await killedAtWrite(t, daemon, write));
    if (survived) t.diagnostic(`killed at each of ${write - 1} writes`);
  }
});

/** Kills a witness at that write of its journal, if it comes to it, and starts it again. */
async function killedAtWrite(t: TestContext, daemon: Daemon, write: number): Promise<boolean> {
  const name = `killed-${write}`;
  const hook = await webhook(t);
  const witness = await Witness.configured(t, daemon, { name, judge: JUDGE, more: alertsTo(hook.url) });
  const injected = `inject=fsync,fdatasync:signal=SIGKILL:when=${write}`;
  const tracer = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", injected];
  const program = witness.run(tracer);
  const killed = program.ended.then(() => true);
  const watching = await witness.said(/nothing is touched/).then(
    () => true,
    () => false,
  );
  const uuid = await created(daemon, guestXml(daemon, { name, action: "pause" }));
  const told = async () => {
    await until(
      t,
      async () => new Set(hook.keys),
      (keys) => keys.size >= 2,
    );
    await witness.evidence(1, "fire/counters.json", "watchdog-pause/counters.json");
    return false;
  };
  const wasKilled = !watching || (await Promise.race([killed, told().catch(() => killed)]));
  if (wasKilled) {
    await witness.start();
    await told();
  }
  assert.deepEqual(await witness.signs(), ["fire watchdog-pause"], `killed at write ${write}`);
  assert.deepEqual(
    [...new Set(hook.keys)].toSorted(),
    ["fire", "watchdog-pause"].map((sign) => `${hostname()}/1/${sign}`),
  );
  await witness.stop();
  await virsh(daemon, "destroy", uuid);
  return wasKilled;
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`libvirtd ends by ${signal} and comes back: nothing is lost, nothing told twice`, async (t) => {
    const daemon = await sessionDaemon(t);
    const hook = await webhook(t);
    const witness = await Witness.start(t, daemon, { judge: JUDGE, more: alertsTo(hook.url) });
    await created(daemon, guestXml(daemon, { name: "before", action: "pause" }));
    await witness.said(/paused by its watchdog for \d+ s incident=1/);
    const xml = join(daemon.dir, "killed.xml");
    await writeFile(xml, guestXml(daemon, { name: "killed" }).replace(/<watchdog.*\/>/, ""));
    await virsh(daemon, "define", xml);
    await virsh(daemon, "start", "killed");
    const pid = await emulatorOf(daemon, "killed");
    await created(daemon, guestXml(daemon, { name: "meanwhile", model: "i6300esb", action: "pause" }));
    await daemon.stop(signal);
    await witness.said(/nothing is heard/);
    process.kill(pid, "SIGKILL");
    await daemon.start();
    await witness.said(/meanwhile: (found paused by its watchdog|its watchdog fired)/);
    await witness.said(/killed: its emulator ended by itself, or was killed/);
    await until(
      t,
      () => witness.signs(),
      (all) => all.filter((signs) => signs === "fire watchdog-pause").length === 2,
    );
    assert.deepEqual((await witness.signs()).toSorted(), [
      "emulator-crash",
      "fire watchdog-pause",
      "fire watchdog-pause",
    ]);
    await until(
      t,
      async () => hook.keys.length,
      (count) => count >= 5,
    );
    assert.equal(new Set(hook.keys).size, hook.keys.length, "each is told once");
  });
}

test("on a full disk it goes on without evidence, says so, and writes its journal when there is room", async (t) => {
  const daemon = await sessionDaemon(t);
  const hook = await webhook(t);
  const witness = await Witness.configured(t, daemon, { judge: JUDGE, more: alertsTo(hook.url) });
  const state = join(witness.dir, "state");
  const small = `mkdir ${state}; mount -t tmpfs -o size=4M tmpfs ${state}; exec "$@"`;
  const program = witness.run(["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", small, "sh"]);
  await program.said(/nothing is touched/);
  const ballast = join(`/proc/${program.pid}/root`, state, "ballast");
  await assert.rejects(writeFile(ballast, Buffer.alloc(8 * 2 ** 20)), { code: "ENOSPC" });
  await created(daemon, guestXml(daemon, { name: "web", action: "pause" }));
  await witness.said(/the journal is not written, memory keeps what comes: .*full/);
  await witness.said(/evidence cannot be kept: .*(ENOSPC|no space)/i);
  assert.match(String((await witness.status()).journalTrouble), /full/);
  await rm(ballast);
  await witness.said(/the journal is written again/);
  assert.equal((await witness.status()).journalTrouble, null);
  assert.deepEqual(
    await until(
      t,
      () => witness.signs(),
      (all) => all[0] === "fire watchdog-pause",
    ),
    ["fire watchdog-pause"],
  );
  await until(
    t,
    async () => hook.keys.length,
    (count) => count === 2,
  );
});

test("a corrupt journal is kept aside, said loudly, and a new one begun", async (t) => {
  const daemon = await sessionDaemon(t);
  const witness = await Witness.start(t, daemon, { judge: JUDGE });
  await created(daemon, guestXml(daemon, { name: "web", action: "pause" }));
  await witness.said(/web: its watchdog fired; action pause incident=1/);
  await witness.stop();
  await writeFile(join(witness.dir, "state/journal.db"), "no journal ".repeat(10_000));
  await witness.start();
  await witness.said(
    /the journal was corrupt; it is kept aside, and a new one begun keptAside=\S+journal\.db\.corrupt-\S+/,
  );
  await witness.said(/web: found paused by its watchdog/);
  assert.equal((await witness.status()).corruptJournals.length, 1, "for who does not read the log");
});
