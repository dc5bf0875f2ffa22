import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { StateError, Timeline, VirtualClock } from "../src/index.ts";

test("alarms ring in the order of their times, and of their setting where those are equal", () => {
  const step = fc.record({ alarm: fc.nat(30), at: fc.option(fc.bigInt(0n, 40n), { freq: 4 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const timeline = new Timeline();
      const rung: string[] = [];
      const alarms = Array.from({ length: 31 }, (_, i) => timeline.alarm(() => rung.push(`${i} at ${timeline.now}`)));
      let expected: { readonly alarm: number; readonly at: bigint }[] = [];
      for (const { alarm, at } of steps) {
        expected = expected.filter((other) => other.alarm !== alarm);
        if (at === null) alarms[alarm]!.stop();
        else {
          alarms[alarm]!.set(at);
          expected.push({ alarm, at });
        }
        assert.equal(
          timeline.next,
          expected.reduce<bigint | undefined>((min, o) => (min === undefined || o.at < min ? o.at : min), undefined),
        );
      }
      timeline.runUntil(40n);
      const inOrder = expected.map((entry, order) => ({ ...entry, order }));
      inOrder.sort((a, b) => Number(a.at - b.at) || a.order - b.order);
      assert.deepEqual(
        rung,
        inOrder.map(({ alarm, at }) => `${alarm} at ${at}`),
      );
    }),
  );
});

test("a nanosecond counts after a year as on the first day", () => {
  const year = 31_536_000_000_000_000n;
  const timeline = new Timeline(1_790_000_000_000_000_000n);
  const start = timeline.now;
  const rung: bigint[] = [];
  const alarm = timeline.alarm(() => rung.push(timeline.now - start));
  const hourly = timeline.alarm(() => {
    if (timeline.now < start + year) hourly.set(timeline.now + 3_600_000_000_000n);
  });
  hourly.set(start);
  timeline.runUntil(start + year);
  alarm.set(start + year + 1n);
  timeline.runUntil(start + year);
  assert.deepEqual(rung, []);
  timeline.runUntil(start + year + 1n);
  assert.deepEqual(rung, [year + 1n]);
});

test("nothing set: time may leap by centuries", () => {
  const timeline = new Timeline();
  timeline.runUntil(10n ** 21n + 1n);
  assert.equal(timeline.now, 10n ** 21n + 1n);
});

test("time does not go back, and no alarm is set months ahead", () => {
  const timeline = new Timeline(5n);
  assert.throws(() => timeline.runUntil(4n), /^RangeError: time goes on only: it is 5 ns, not 4 ns$/);
  const alarm = timeline.alarm(() => {});
  assert.throws(() => alarm.set(10n ** 16n), /^RangeError: an alarm can be set 6755399441055744 ns ahead at most/);
  assert.equal(timeline.next, undefined);
});

test("an alarm set for the past rings now, not then", () => {
  const timeline = new Timeline(100n);
  const rung: bigint[] = [];
  timeline.alarm(() => rung.push(timeline.now)).set(50n);
  timeline.runUntil(100n);
  assert.deepEqual(rung, [100n]);
});

test("an alarm that sets itself again rings again, one that stops itself does not, one that throws does not either", () => {
  const timeline = new Timeline();
  const rung: string[] = [];
  const again = timeline.alarm(() => {
    rung.push(`again at ${timeline.now}`);
    if (timeline.now < 6n) again.set(timeline.now + 3n);
  });
  const stopping = timeline.alarm(() => {
    rung.push(`stopping at ${timeline.now}`);
    stopping.set(7n);
    stopping.stop();
  });
  const throwing = timeline.alarm(() => {
    throw new Error("out of order");
  });
  again.set(3n);
  stopping.set(3n);
  throwing.set(4n);
  assert.throws(() => timeline.runUntil(10n), /out of order/);
  assert.equal(timeline.now, 4n);
  timeline.runUntil(10n);
  assert.deepEqual(rung, ["again at 3", "stopping at 3", "again at 6"]);
  assert.equal(timeline.next, undefined);
});

function clockAt(start: bigint) {
  const timeline = new Timeline(start);
  const clock = new VirtualClock(timeline);
  const expired: bigint[] = [];
  return { timeline, clock, expired, timer: clock.timer(() => expired.push(clock.now)) };
}

test("a guest's clock starts at zero, and stands while the guest is paused", () => {
  const { timeline, clock, expired, timer } = clockAt(1000n);
  timer.start(4n);
  timeline.runUntil(1001n);
  clock.pause();
  timeline.runUntil(1007n);
  assert.equal(clock.now, 1n);
  assert.equal(timer.deadline, 4n);
  clock.resume();
  timeline.runUntil(1009n);
  assert.deepEqual(expired, []);
  timeline.runUntil(1010n);
  assert.deepEqual(expired, [4n]);
  assert.equal(timer.deadline, undefined);
});

test("a timer that is started while the clock stands waits for it", () => {
  const { timeline, clock, expired, timer } = clockAt(0n);
  clock.pause();
  clock.pause();
  timer.start(0n);
  timeline.runUntil(100n);
  assert.deepEqual(expired, []);
  clock.resume();
  clock.resume();
  timeline.runUntil(100n);
  assert.deepEqual(expired, [0n]);
});

test("timers of one deadline keep their order over a pause", () => {
  const timeline = new Timeline();
  const clock = new VirtualClock(timeline);
  const expired: string[] = [];
  const [a, b] = ["a", "b"].map((name) => clock.timer(() => expired.push(name)));
  b!.start(5n);
  a!.start(5n);
  clock.pause();
  clock.resume();
  timeline.runUntil(5n);
  assert.deepEqual(expired, ["b", "a"]);
});

test("a clock goes on from a saved time, on another timeline", () => {
  const { timeline, clock } = clockAt(0n);
  timeline.runUntil(77n);
  const saved = clock.state();
  const other = clockAt(5_000n);
  other.timer.start(3n);
  other.clock.restore(saved);
  assert.equal(other.clock.now, 77n);
  assert.equal(other.timer.deadline, undefined);
  other.timeline.runUntil(5_003n);
  assert.equal(other.clock.now, 80n);
  other.clock.restore({ ...saved, running: false });
  other.timeline.runUntil(6_000n);
  assert.equal(other.clock.now, 77n);
});

test("a saved clock of another version is refused, and the clock is as it was", () => {
  const { timeline, clock, timer } = clockAt(0n);
  timer.start(9n);
  timeline.runUntil(3n);
  assert.throws(() => clock.restore({ version: 2 as 1, now: 50n, running: true }), StateError);
  assert.equal(clock.now, 3n);
  assert.equal(timer.deadline, 9n);
});
