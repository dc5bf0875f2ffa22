/** Whatever is sent to the daemon's sockets: nothing throws, and only what the protocols say does something. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { decode, encode } from "../src/bytes.ts";
import type { Reading } from "../src/check.ts";
import { application } from "../src/checks/application.ts";
import { parseConfig, type Settings } from "../src/config.ts";
import { answer, LONGEST_MUTE_S } from "../src/control.ts";
import { LONGEST_NAME, parseNotification } from "../src/notify.ts";
import { keys } from "../src/settings.ts";
import { ScriptedPlatform } from "../vectors/scripted.ts";

const CASES = { numRuns: 100_000 };

const variable = fc.constantFrom("WATCHDOG", "WATCHDOG_USEC", "READY", "STOPPING", "X_BERNARD_NAME", "STATUS", "");
const value = fc.oneof(
  fc.constantFrom("1", "trigger", "0", "worker", "", " ", "1\r", "9".repeat(15), "9".repeat(400)),
  fc.nat().map(String),
  fc.string({ maxLength: 20 }),
);
const line = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom("WATCHDOG=1", "WATCHDOG=trigger", "STOPPING=1", "X_BERNARD_NAME=worker") },
  {
    weight: 4,
    arbitrary: fc.tuple(variable, fc.constantFrom("=", "=", "=", "", "=="), value).map((parts) => parts.join("")),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
);
const datagram = fc.oneof(
  { weight: 4, arbitrary: fc.array(line, { maxLength: 6 }).map((lines) => encode(lines.join("\n"))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
);

suite("whatever is sent", () => {
  test("as a notification says what its lines say, each by itself", () => {
    let beaten = 0;
    const property = fc.property(datagram, (bytes) => {
      const { beats, triggers, stops, within, name } = parseNotification(bytes);
      const lines = Array.from(Buffer.from(bytes).toString("latin1").split("\n"));
      assert.equal(beats, lines.includes("WATCHDOG=1") || lines.includes("READY=1"));
      assert.equal(triggers, lines.includes("WATCHDOG=trigger"));
      assert.equal(stops, lines.includes("STOPPING=1"));
      const times = lines.filter((one) => one.startsWith("WATCHDOG_USEC=")).map((one) => one.slice(14));
      const last = times.at(-1) ?? "";
      assert.equal(within, /^\d{1,15}$/.test(last) ? Number(last) / 1000 : undefined);
      if (name !== undefined) {
        assert.ok(lines.some((one) => one.startsWith("X_BERNARD_NAME=")));
        assert.ok(name.length > 0 && name.length <= LONGEST_NAME);
      }
      if (beats) beaten += 1;
    });
    fc.assert(property, CASES);
    assert.ok(beaten > CASES.numRuns / 100, `enough were beats to say something: ${beaten}`);
  });

  const settings = parseConfig("heartbeat = worker 10", "f", keys) as Settings;
  const sent = fc.record({
    uid: fc.constantFrom(0, 0, 1000, -1, 2 ** 32 - 1),
    pid: fc.constantFrom(7, 8, 0),
    text: datagram.map(decode),
  });
  test("to a heartbeat's socket ends the guest only by silence or by the program's own trigger", () => {
    let failed = 0;
    const property = fc.property(
      fc.array(sent, { maxLength: 6 }),
      fc.integer({ min: 0, max: 30 }),
      (datagrams, wait) => {
        const platform = new ScriptedPlatform({ "/proc/7/comm": "worker\n", "/proc/8/comm": "other\n" });
        const [check] = application.create({ settings, platform, use: "watch", signs: { disk: 0 } });
        platform.change({ at: 0, datagrams });
        let { reason, readings }: Reading = { reason: "no look", readings: {} };
        for (let second = 0; second <= wait; second += 5) {
          platform.advance(second);
          ({ reason, readings } = check?.read(second * 1000) ?? { reason: "no check", readings: {} });
        }
        const mayFail = datagrams.some(
          ({ uid, pid, text }) => uid === 0 && (pid === 7 || text.includes("X_BERNARD_NAME=worker")),
        );
        if (reason !== "") failed += 1;
        assert.ok(reason === "" || mayFail, reason);
        for (const [name, number] of Object.entries(readings)) assert.ok(number >= 0, `${name} is ${number}`);
      },
    );
    fc.assert(property, CASES);
    assert.ok(failed > CASES.numRuns / 100, `enough have failed to say something: ${failed}`);
  });

  const word = fc.constantFrom(
    "status",
    "mute",
    "unmute",
    "check",
    "reload",
    "last",
    " ",
    "1",
    "86400",
    "86401",
    "-1",
    "x",
    "\r",
    "\0",
  );
  const request = fc.oneof(
    fc.array(word, { maxLength: 4 }).map((words) => words.join("")),
    fc.array(word, { maxLength: 3 }).map((words) => words.join(" ")),
    fc.string({ unit: "binary", maxLength: 40 }),
  );
  test("to the control socket is answered in lines of JSON, and does no more than it says", () => {
    let done = 0;
    const property = fc.property(request, (text) => {
      const asked: string[] = [];
      const lines = answer(text, {
        status: () => ({
          version: "1",
          mode: "act",
          device: null,
          muted_for_s: 0,
          grace_left_s: 0,
          budget: { used: 0, limit: 3, window_s: 60 },
          ended: "",
          checks: [],
          would_fire: [],
        }),
        mute(seconds) {
          assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= LONGEST_MUTE_S);
          asked.push(`mute ${seconds}`);
        },
        unmute: () => void asked.push("unmute"),
        check: () => undefined,
        requestReload: () => void asked.push("reload"),
        last: () => ({ how: "unknown", record: null }),
      }).split("\n");
      assert.equal(lines.pop(), "", "each line ends");
      const end = JSON.parse(lines.at(-1) ?? "");
      assert.ok(end.done === true || typeof end.error === "string");
      for (const one of asked) assert.equal(text.replace(/^mute 0+/, "mute "), one);
      if (end.done) done += 1;
    });
    fc.assert(property, CASES);
    assert.ok(done > CASES.numRuns / 200, `enough were done to say something: ${done}`);
  });
});
