/** One holder at a time: the next learns who it is, and the lock is free when its holder is done or dead. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { takeLock, UserError } from "@bernard/tools";
import { startFixture } from "./fixture.ts";

const ownName = (what: string) => `test-${what}-${process.pid}`;

test("who comes second is told the holder's process id and what to do", async (t) => {
  const name = ownName("held");
  const { process: holder } = await startFixture(t, "hold-lock.ts", name);
  await assert.rejects(takeLock(name, "come back later"), (error) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.message, `another ${name} is running here (process ${holder.pid}); come back later`);
    assert.equal(error.exitCode, 3);
    return true;
  });
});

test("a holder that is stopped (Ctrl-Z) holds it still, and keeps nobody waiting for its name", async (t) => {
  const name = ownName("stopped");
  const { process: holder } = await startFixture(t, "hold-lock.ts", name);
  holder.kill("SIGSTOP");
  await assert.rejects(takeLock(name, "come back later"), { message: /is running here \(process unknown\)/ });
});

test("its release frees it", async () => {
  const name = ownName("released");
  await assert.doesNotReject(async () => {
    await (await takeLock(name, ""))();
    await (await takeLock(name, ""))();
  });
});

test("its holder's death frees it", async (t) => {
  const name = ownName("orphaned");
  const { process: holder } = await startFixture(t, "hold-lock.ts", name);
  holder.kill("SIGKILL");
  await once(holder, "close");
  const release = await takeLock(name, "");
  await assert.doesNotReject(release);
});
