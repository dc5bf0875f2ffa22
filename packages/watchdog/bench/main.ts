/** Part of `make bench`: how many register accesses and timer events a second the models do, and how the cost of an event grows. */
import { type Measurement, printMeasurements } from "@bernard/tools";
import { I6300esb, Timeline, VirtualClock } from "../src/index.ts";

/** Milliseconds of processor time for which each rate is measured, the best of ROUNDS. */
const LONG_ENOUGH = 300;
const ROUNDS = 3;

const UNIT = { unit: "million/s" };

/** Milliseconds of processor time that this process has had: others on the machine do not count. */
const spent = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Million operations a second of `work`, which does `each` of them. */
function rateOf(each: number, work: () => void): number {
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = spent();
    let done = 0;
    let end = start;
    for (; end - start < LONG_ENOUGH; end = spent()) {
      work();
      done += each;
    }
    best = Math.max(best, done / (end - start) / 1000);
  }
  return best;
}

/** A feed as Linux does it, a look at LOCK and one at RELOAD: five accesses. */
function accessRate(): number {
  const device = new I6300esb(new VirtualClock(new Timeline()), { fire: () => {} });
  device.writeConfig(0x68, 1, 2);
  let sum = 0;
  const rate = rateOf(50_000, () => {
    for (let i = 0; i < 10_000; i++) {
      device.writeMemory(0xc, 2, 0x80);
      device.writeMemory(0xc, 2, 0x86);
      device.writeMemory(0xc, 2, 0x100);
      sum += device.readConfig(0x68, 1);
      sum += device.readMemory(0xc, 2);
    }
  });
  if (sum === 0) throw new Error("LOCK was never read as enabled");
  return rate;
}

/** Each timer is set again when it expires, for a time that differs from timer to timer. */
function eventRate(timers: number): number {
  const timeline = new Timeline();
  const clock = new VirtualClock(timeline);
  let seed = 1;
  for (let i = 0; i < timers; i++) {
    const timer = clock.timer(() => timer.start(clock.now + period));
    seed = (seed * 48_271) % 0x7fff_ffff;
    const period = BigInt(1_000_000 + (seed % 1_000_000));
    timer.start(period);
  }
  return rateOf(10_000, () => {
    for (let i = 0; i < 10_000; i++) timeline.runNext();
  });
}

const rows: Measurement[] = [
  { what: "register accesses", ...UNIT, ours: accessRate(), atLeast: 10 },
  ...[100, 1000, 10_000, 100_000, 1_000_000].map((timers) => {
    const promise = { 1000: 1, 100000: 0.4 }[timers];
    const row = { what: `timer events, ${timers} timers`, ...UNIT, ours: eventRate(timers) };
    return promise === undefined ? row : { ...row, atLeast: promise };
  }),
];

printMeasurements(["our models"], rows);
