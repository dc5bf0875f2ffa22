/**
 * The machine is too hot: watchdog(8)'s `temperature-sensor`, and the hottest sensor that the kernel knows.
 *
 * Off by default: few guests have a sensor. It must last, for one wrong reading of a sensor is not rare; a sensor that is missing is
 * warned about and judges nothing. Sensors are read by a job, for some ask a slow bus or firmware each time.
 *
 *   /sys/class/hwmon/hwmon0/temp1_input    "47000\n", thousandths of a degree Celsius
 */
import { type Check, type CheckKind, holdKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { round } from "../percent.ts";
import { type Job, KILLED, type Platform, TIMED_OUT, UNBORN } from "../platform.ts";
import { RecurringJob } from "../recurring-job.ts";

/** watchdog(8)'s code. */
const TOO_HOT = 252;

/** Milliseconds from one look to the next, and until a sensor's silence is no answer. */
const PERIOD = 10_000;
const DEADLINE = 10_000;

/** Shares of the limit at which a warning is due, as watchdog(8)'s. */
const WARNINGS = [0.9, 0.95, 0.98];

/** So many degrees below a limit it is passed no more. */
const RECOVERED = 2;

/** Characters of a sensor's garbage that are told. */
const MOST_TEXT = 20;

/** Degrees that no machine has: the sensor is broken, or there is none at its connector. */
const ABSURD = 200;

class TemperatureCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = TOO_HOT;
  readonly #limit: number;
  readonly #hold: number;
  readonly #platform: Platform;
  readonly #job: RecurringJob;
  #degrees = Number.NaN;
  #where: string;
  #hot = false;
  /** How many of the warnings have been given since it was cooler. */
  #warned = 0;
  #saidMissing = false;

  constructor(
    name: string,
    sensor: string,
    job: Job,
    limits: { limit: number; hold: number },
    end: End,
    platform: Platform,
  ) {
    this.name = name;
    this.end = end;
    this.#where = sensor;
    this.#limit = limits.limit;
    this.#hold = limits.hold;
    this.#platform = platform;
    this.#job = new RecurringJob(platform, job, DEADLINE);
  }

  get period(): number {
    return this.#job.isOut ? 0 : PERIOD;
  }

  read(now: number): Reading {
    const outcome = this.#job.take();
    if (outcome === undefined) this.#job.startWhenDue(now, 0);
    else if (outcome.status === 0) this.#takeReading(outcome.output);
    else if (outcome.status === UNBORN || outcome.status === KILLED) this.#forget();
    else this.#miss(outcome.status === TIMED_OUT ? "it does not answer" : `errno ${outcome.status}`);
    if (Number.isNaN(this.#degrees)) return { reason: "", readings: {} };
    const readings = { celsius: round(this.#degrees) };
    if (!this.#hot) return { reason: "", readings };
    return {
      reason: `${this.#where} is at ${round(this.#degrees)} °C (max-temperature = ${this.#limit})`,
      readings,
      hold: this.#hold,
    };
  }

  /** `47000`, and where that is, from the job that looks at all sensors. */
  #takeReading(output: string): void {
    const [number = "", where = this.#where] = output.trim().split(" ");
    const degrees = number === "" ? Number.NaN : Number(number) / 1000;
    if (!(Math.abs(degrees) < ABSURD)) {
      this.#miss(`it says ${number.slice(0, MOST_TEXT)}`);
      return;
    }
    this.#degrees = degrees;
    this.#where = where;
    this.#saidMissing = false;
    this.#hot = degrees >= this.#limit - (this.#hot ? RECOVERED : 0);
    const passed = (at: number) => WARNINGS.filter((share) => at >= this.#limit * share).length;
    if (passed(degrees) > this.#warned) {
      const share = WARNINGS[passed(degrees) - 1] as number;
      this.#warn(`${where} is at ${round(degrees)} °C, over ${share * 100} % of max-temperature = ${this.#limit}`);
      this.#warned = passed(degrees);
    }
    this.#warned = Math.min(this.#warned, passed(degrees + RECOVERED));
  }

  /** What is not confirmed is no heat. */
  #forget(): void {
    this.#degrees = Number.NaN;
    this.#hot = false;
  }

  #miss(why: string): void {
    this.#forget();
    if (!this.#saidMissing) this.#warn(`${this.#where} cannot be read: ${why}; not judged until it can`);
    this.#saidMissing = true;
  }

  #warn(line: string): void {
    this.#platform.log(`warning: ${line}`, true);
  }
}

export const temperature: CheckKind = {
  keys: [
    {
      name: "temperature-sensor",
      type: "paths",
      most: 16,
      fallback: [],
      help: "file with a temperature in thousandths of a degree Celsius; one line each",
    },
    {
      name: "temperature",
      type: "switch",
      fallback: false,
      help: "watch the hottest of all sensors that the kernel knows",
    },
    {
      name: "max-temperature",
      type: "number",
      unit: "degrees Celsius",
      min: 1,
      max: ABSURD,
      fallback: 90,
      help: "too hot from here on; warnings come at 90, 95 and 98 % of it",
    },
    holdKey("temperature", 20, "it must be too hot for this long"),
    {
      name: "temp-power-off",
      type: "switch",
      fallback: true,
      help: "power off what is too hot; no: only alarm",
    },
  ],
  create({ settings, platform }) {
    const limits = { limit: settings.number("max-temperature"), hold: settings.number("temperature-hold") * 1000 };
    const end = settings.on("temp-power-off") ? "poweroff" : "alarm";
    const checks = settings
      .paths("temperature-sensor")
      .map((path) => new TemperatureCheck(`temperature:${path}`, path, ["load", path], limits, end, platform));
    if (!settings.on("temperature")) return checks;
    return [...checks, new TemperatureCheck("temperature", "/sys/class/hwmon", ["hottest"], limits, end, platform)];
  },
};
