/** `bernard watch` on a real libvirtd: what it tells, a connection that is lost, and its end. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { startBernard } from "./run-bernard.ts";
import { startStage } from "./stage.ts";

const stage = await startStage();

test("a fire and what comes of it are a line each", async (t) => {
  const { child, ended, nextLine } = startBernard(t, "watch", "--connect", stage.uri);
  assert.match(await nextLine("connected"), /^\d{4}-\d\d-\d\dT[\d:.]+Z {2}- {2}connected {2}0 guests/);
  await stage.start(t, { name: "\u202eweb", action: "pause" });
  const told = [await nextLine("started"), await nextLine("fire"), await nextLine("suspended")];
  assert.deepEqual(
    told.map((line) => line.replace(/^\S+ {2}/, "")),
    [
      "\\u{202e}web  lifecycle  started (booted)",
      "\\u{202e}web  fire  its watchdog device reached zero, action pause",
      "\\u{202e}web  lifecycle  suspended (watchdog)",
    ],
  );
  child.kill("SIGINT");
  assert.equal((await ended).code, 0);
});

test("as JSON, through the loss of libvirtd: what changed meanwhile is told", async (t) => {
  const { child, ended, nextLine } = startBernard(t, "watch", "--json", "--connect", stage.uri);
  await nextLine('"connected"');
  const { fired } = await stage.nextFire(t);
  await stage.start(t, { name: "db", action: "pause" });
  await fired;
  const fire = JSON.parse(await nextLine('"fire"'));
  assert.deepEqual([fire.guest.name, fire.action], ["db", "pause"]);
  assert.ok(Number.isFinite(Date.parse(fire.time)));
  await stage.daemon.stop("SIGKILL");
  const lost = JSON.parse(await nextLine('"disconnected"'));
  assert.match(lost.error, /^the connection to libvirt is closed/);
  await stage.daemon.start();
  const { guests } = JSON.parse(await nextLine('"connected"'));
  assert.deepEqual(
    guests.map(({ name, state, reason }: Record<string, string>) => [name, state, reason]),
    [["db", "paused", "watchdog"]],
  );
  child.kill("SIGTERM");
  assert.deepEqual(await ended.then(({ code, stderr }) => [code, stderr]), [0, ""]);
});

suite("its end", () => {
  test("a reader who goes away ends it at the next event, without a word", async (t) => {
    const { child, ended, nextLine } = startBernard(t, "watch", "--connect", stage.uri);
    await nextLine("connected");
    child.stdout.destroy();
    await stage.start(t, { name: "any" }, "paused");
    assert.deepEqual(await ended.then(({ code, stderr }) => [code, stderr]), [1, ""]);
  });

  test("nobody to watch is exit code 3", async (t) => {
    const { ended } = startBernard(t, "watch", "--connect", "qemu:///session?socket=/nobody");
    const { code, stdout, stderr } = await ended;
    assert.deepEqual([code, stdout], [3, ""]);
    assert.match(stderr, /^bernard: .*no libvirt listens at \/nobody/);
  });
});
