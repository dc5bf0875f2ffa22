/** The demo as a program: what it prints, how it refuses, and that nothing is left of it, however it ends. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { root } from "@bernard/tools";
import { ownTmp, Program, processesIn, untilProcesses } from "./program.ts";

const bernard = join(root, "bernard");

/** Of an act, as --json tells it. */
interface Told {
  readonly name: string;
  readonly recovered: boolean;
  readonly cause: string | null;
}

const ESCAPE = "\u001b";

/** Milliseconds after which a test has failed: a boot or a rescue on a busy machine, several times over. */
const timeout = 300_000;

suite("bernard demo", { timeout: 1_800_000 }, () => {
  test("prints one JSON object, and refuses a second demo meanwhile", { timeout }, async (t) => {
    const tmp = await ownTmp(t);
    const first = new Program(t, [bernard, "demo", "--json", "--no-twin", "--act", "hang"], { env: { TMPDIR: tmp } });
    await first.said(/booting the guest\n/);

    const second = await new Program(t, [bernard, "demo"], { env: { TMPDIR: tmp } }).ended;
    const refusal = `bernard: another demo is running here (process ${first.pid}); wait for it to end, or end it with Ctrl-C where it runs\n`;
    assert.deepEqual(second, { code: 3, signal: null, stdout: "", stderr: refusal });

    const { code, stdout, stderr } = await first.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^[^\n]+\n$/, "one line");
    const { acts } = JSON.parse(stdout);
    const { fireToFeeding } = acts[0].seconds;
    assert.equal(typeof fireToFeeding, "number");
    const seconds = { faultToFailed: null, failedToFire: null, fireToFeeding };
    assert.deepEqual(JSON.parse(stdout), { acts: [{ name: "hang", recovered: true, cause: null, seconds }] });
    assert.match(stderr, /fire +the watchdog device has reached zero; action reset\n/);
    await untilProcesses(tmp, 0);
    assert.deepEqual(await readdir(tmp), []);
  });

  test("plays an act on ib700, in plain lines where there is no terminal", { timeout }, async (t) => {
    const tmp = await ownTmp(t);
    const demo = new Program(t, [bernard, "demo", "--model", "ib700", "--act", "disk", "--no-twin"], {
      env: { TMPDIR: tmp },
    });
    const { code, stdout, stderr } = await demo.ended;
    assert.equal(code, 0, stdout);
    assert.equal(stderr, "");
    assert.ok(!stdout.includes(ESCAPE), "no colour");
    const steps = ["fault", "check failing", "last words", "feeding ended", "fire", "reset", "feeding again"];
    const told = [...stdout.matchAll(/^ *[\d.]+ s {2}(\w+(?: \w+)?) {2,}/gm)].map((match) => match[1]!);
    assert.deepEqual(
      steps.filter((step) => !told.includes(step)),
      [],
      stdout,
    );
    assert.match(stdout, /^disk +[\d.]+ s +[\d.]+ s +[\d.]+ s +came back$/m);
    assert.match(stdout, /model='ib700'/);
    await untilProcesses(tmp, 0);
    assert.deepEqual(await readdir(tmp), []);
  });

  test("plays every act, beside a twin that watchdog 5.16 goes on feeding", { timeout }, async (t) => {
    const tmp = await ownTmp(t);
    const { code, stdout, stderr } = await new Program(t, [bernard, "demo", "--json"], { env: { TMPDIR: tmp } }).ended;
    assert.equal(code, 0, stderr);
    const { acts, twin } = JSON.parse(stdout);
    const told = acts.map(({ name, recovered, cause }: Told) => [name, recovered, cause?.split(": ")[0] ?? null]);
    assert.deepEqual(told, [
      ["disk", true, "disk:/data"],
      ["memory", true, "memory"],
      ["hang", true, null],
      ["freeze", true, null],
    ]);
    assert.deepEqual([twin.stillFed, twin.writesRefused], [true, true]);
    await untilProcesses(tmp, 0);
    assert.deepEqual(await readdir(tmp), []);
  });

  test("fails when its guest is lost in an act", { timeout }, async (t) => {
    const tmp = await ownTmp(t);
    const demo = new Program(t, [bernard, "demo", "--no-twin", "--act", "freeze"], { env: { TMPDIR: tmp } });
    await demo.said(/freeze +whoever writes/);
    for (const guest of await processesIn(tmp)) process.kill(guest, "SIGKILL");
    const { code, stdout } = await demo.ended;
    assert.equal(code, 1);
    assert.match(stdout, /QEMU has ended \(SIGKILL\)/);
    assert.match(stdout, /^freeze +- +- +- +NOT RECOVERED$/m);
    assert.deepEqual(await readdir(tmp), []);
  });

  for (const flags of [["--no-twin"], ["--no-twin", "--keep"]]) {
    test(`leaves nothing after SIGINT while it boots (${flags.join(" ")})`, { timeout }, async (t) => {
      const tmp = await ownTmp(t);
      const demo = new Program(t, [bernard, "demo", ...flags], { env: { TMPDIR: tmp } });
      await untilProcesses(tmp, 1);
      demo.signal("SIGINT");
      await assertLeavesNothing(demo, tmp);
    });
  }

  test("leaves nothing after Ctrl-C in an act, guest and twin alike", { timeout }, async (t) => {
    const tmp = await ownTmp(t);
    const demo = new Program(t, [bernard, "demo", "--act", "disk"], { env: { TMPDIR: tmp } });
    await demo.said(/check failing/);
    await untilProcesses(tmp, 2);
    demo.signal("SIGINT", "its group");
    await assertLeavesNothing(demo, tmp);
  });

  test("takes its guests along when it is killed", { timeout }, async (t) => {
    const tmp = await ownTmp(t);
    const demo = new Program(t, [bernard, "demo", "--act", "hang"], { env: { TMPDIR: tmp } });
    await demo.said(/act 1 of 1: hang/);
    await untilProcesses(tmp, 1);
    demo.signal("SIGKILL");
    assert.equal((await demo.ended).signal, "SIGKILL");
    await untilProcesses(tmp, 0);
  });

  test("ends quietly when nobody reads it any more", { timeout }, async (t) => {
    const tmp = await ownTmp(t);
    const demo = new Program(t, [bernard, "demo", "--act", "hang"], { env: { TMPDIR: tmp } });
    await demo.said(/booting the guest\n/);
    demo.hangUp();
    const { code, stderr } = await demo.ended;
    assert.deepEqual({ code, stderr }, { code: 1, stderr: "" });
    await untilProcesses(tmp, 0);
    assert.deepEqual(await readdir(tmp), []);
  });

  test("--keep leaves a guest whose shell, console and end are as printed", { timeout }, async (t) => {
    const tmp = await ownTmp(t);
    const demo = new Program(t, [bernard, "demo", "--keep", "--act", "hang"], { env: { TMPDIR: tmp } });
    const { code, stdout, stderr } = await demo.ended;
    assert.equal(code, 0, stderr);
    await untilProcesses(tmp, 1);
    const printed = (what: string) => new RegExp(`^ {2}its ${what} +(.*?)(?: {3}\\(.*)?$`, "m").exec(stdout)?.[1] ?? "";

    // A terminal of its own (script(1)), for the printed command speaks to a terminal.
    const shell = new Program(t, ["script", "-qec", printed("shell"), "/dev/null"]);
    shell.type("echo it $((6 * 7)) lives; pidof bernard-guest\r");
    await shell.said(/it 42 lives\s+\d+/);
    shell.type("\u001d"); // Ctrl-]
    assert.equal((await shell.ended).code, 0);

    const console = new Program(t, ["sh", "-c", printed("console")]);
    await console.said(/\S/);
    console.signal("SIGTERM", "its group");
    await console.ended;

    const end = await new Program(t, ["sh", "-c", printed("end")]).ended;
    assert.deepEqual(end, { code: 0, signal: null, stdout: "", stderr: "" });
    await untilProcesses(tmp, 0);
    assert.deepEqual(await readdir(tmp), []);
  });
});

suite("bernard refuses in one line and exit code 2:", { concurrency: 2 }, () => {
  const cases: readonly (readonly [args: string, line: RegExp])[] = [
    ["--nope", /unknown option '--nope'/],
    ["nope", /unknown command 'nope'/],
    ["demo --acts hang", /unknown option '--acts' \(Did you mean --act\?\)/],
    ["demo --act nope", /'nope' is invalid\. Allowed choices are disk, memory, hang, freeze/],
    ["demo --act", /option '--act <name>' argument missing/],
    ["demo --model nope", /'nope' is invalid\. Allowed choices are i6300esb, ib700/],
    ["demo --timeout 3", /'3' is invalid\. Write whole seconds from 4 to 30/],
    ["demo --timeout 31", /'31' is invalid\. Write whole seconds from 4 to 30/],
    ["demo --timeout 4.5", /'4\.5' is invalid\. Write whole seconds/],
    ["demo --timeout ten", /'ten' is invalid\. Write whole seconds/],
    ["demo nope", /too many arguments for 'demo'/],
  ];
  for (const [args, line] of cases) {
    test(args, async (t) => {
      const { code, stdout, stderr } = await new Program(t, [bernard, ...args.split(" ")]).ended;
      assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
      assert.match(stderr, /^bernard: [^\n]*; try --help\n$/);
      assert.match(stderr, line);
    });
  }
});

suite("bernard tells what it can:", () => {
  test("--help names the commands", async (t) => {
    const { code, stdout } = await new Program(t, [bernard, "--help"]).ended;
    assert.equal(code, 0);
    assert.match(stdout, /^ {2}demo /m);
  });

  test("demo --help names the flags", async (t) => {
    const { code, stdout } = await new Program(t, [bernard, "demo", "--help"]).ended;
    assert.equal(code, 0);
    const flags = ["--act", "--no-twin", "--keep", "--model", "--timeout", "--json"];
    assert.deepEqual(
      flags.filter((flag) => !stdout.includes(`  ${flag} `)),
      [],
    );
  });
});

/** It ends as an interrupted program does, and neither processes nor files of it stay. */
async function assertLeavesNothing(demo: Program, tmp: string): Promise<void> {
  const { code, stdout, stderr } = await demo.ended;
  assert.equal(code, 130, stderr);
  assert.equal(stderr, "");
  assert.match(stdout, /\ninterrupted; ending the guests\n$/);
  await untilProcesses(tmp, 0);
  assert.deepEqual(await readdir(tmp), []);
}
