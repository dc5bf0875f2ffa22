/** Heat, and sensors that are wrong. */
import { temperature } from "../../src/checks/temperature.ts";
import { UNBORN } from "../../src/platform.ts";
import { suite } from "../vector.ts";
import { tellVerdicts } from "./tell.ts";

const SENSOR = "/sys/class/hwmon/hwmon0/temp1_input";
const at = (degrees: number) => ({ [`load ${SENSOR}`]: { status: 0, output: `${degrees * 1000}\n` } });
const config = `temperature-sensor = ${SENSOR}`;
const name = `temperature:${SENSOR}`;
const warning = (degrees: number, share: number) =>
  `log: warning: ${SENSOR} is at ${degrees} °C, over ${share} % of max-temperature = 90`;

export const temperatures = suite("temperature", tellVerdicts(temperature), [
  [
    "cool, and below zero",
    {
      config,
      changes: [
        { at: 0, jobs: at(47) },
        { at: 30, jobs: at(-5) },
      ],
      until: 60,
    },
    [],
  ],
  [
    "it warms up: each warning once, and anew only after it was cooler",
    {
      config,
      changes: [
        { at: 0, jobs: at(81) },
        { at: 25, jobs: at(86) },
        { at: 45, jobs: at(85) },
        { at: 65, jobs: at(86) },
        { at: 85, jobs: at(70) },
        { at: 105, jobs: at(86) },
      ],
      until: 130,
    },
    [`1: ${warning(81, 90)}`, `34: ${warning(86, 95)}`, `111: ${warning(86, 95)}`],
  ],
  [
    "too hot: power off, and told as such",
    { config, changes: [{ at: 0, jobs: at(95) }], until: 30 },
    [
      `1: ${warning(95, 98)}`,
      `1: ${name} failing: ${SENSOR} is at 95 °C (max-temperature = 90)`,
      `22: ${name} failed, poweroff: ${SENSOR} is at 95 °C (max-temperature = 90)`,
    ],
  ],
  [
    "one wrong reading, and one that no machine has",
    {
      config,
      changes: [
        { at: 0, jobs: at(47) },
        { at: 15, jobs: at(127) },
        { at: 25, jobs: at(47) },
        { at: 35, jobs: at(255) },
      ],
      until: 80,
    },
    [
      `23: ${warning(127, 98)}`,
      `23: ${name} failing: ${SENSOR} is at 127 °C (max-temperature = 90)`,
      `34: ${name} healthy`,
      `45: log: warning: ${SENSOR} cannot be read: it says 255000; not judged until it can`,
    ],
  ],
  [
    "a hot reading that is not confirmed powers nothing off: garbage, no process, a sensor that is gone",
    {
      config: `${config}\ntemperature-hold = 15`,
      changes: [
        { at: 0, jobs: at(95) },
        { at: 5, jobs: { [`load ${SENSOR}`]: { status: 0, output: "hot" } } },
        { at: 35, jobs: at(95) },
        { at: 45, jobs: { [`load ${SENSOR}`]: { status: UNBORN, output: "11" } } },
        { at: 105, jobs: at(95) },
        { at: 115, jobs: { [`load ${SENSOR}`]: { status: 19, output: "" } } },
      ],
      until: 150,
    },
    [
      `1: ${warning(95, 98)}`,
      `1: ${name} failing: ${SENSOR} is at 95 °C (max-temperature = 90)`,
      `12: log: warning: ${SENSOR} cannot be read: it says hot; not judged until it can`,
      `12: ${name} healthy`,
      `45: ${name} failing: ${SENSOR} is at 95 °C (max-temperature = 90)`,
      `56: ${name} healthy`,
      `111: ${name} failing: ${SENSOR} is at 95 °C (max-temperature = 90)`,
      `122: log: warning: ${SENSOR} cannot be read: errno 19; not judged until it can`,
      `122: ${name} healthy`,
    ],
  ],
  [
    "no power off: an alarm",
    {
      config: `${config}\ntemp-power-off = no\nmax-temperature = 50\ntemperature-hold = 0`,
      changes: [{ at: 0, jobs: at(50) }],
      until: 5,
    },
    [
      `1: log: warning: ${SENSOR} is at 50 °C, over 98 % of max-temperature = 50`,
      `1: ${name} failed, alarm: ${SENSOR} is at 50 °C (max-temperature = 50)`,
    ],
  ],
  [
    "a missing sensor is warned about once, and judges nothing; so does garbage",
    {
      config,
      changes: [
        { at: 0, jobs: { [`load ${SENSOR}`]: { status: 2, output: "" } } },
        { at: 50, jobs: { [`load ${SENSOR}`]: { status: 0, output: "hot\n" } } },
        { at: 80, jobs: { [`load ${SENSOR}`]: "hang" } },
      ],
      until: 120,
    },
    [`1: log: warning: ${SENSOR} cannot be read: errno 2; not judged until it can`],
  ],
  [
    "the hottest of all sensors, by its chip's name",
    {
      config: "temperature = yes\ntemperature-hold = 0",
      changes: [{ at: 0, jobs: { hottest: { status: 0, output: "97500 coretemp/temp2" } } }],
      until: 5,
    },
    [
      "1: log: warning: coretemp/temp2 is at 97.5 °C, over 98 % of max-temperature = 90",
      "1: temperature failed, poweroff: coretemp/temp2 is at 97.5 °C (max-temperature = 90)",
    ],
  ],
  [
    "no sensor at all",
    { config: "temperature = yes", changes: [{ at: 0, jobs: { hottest: { status: 19, output: "" } } }], until: 30 },
    ["1: log: warning: /sys/class/hwmon cannot be read: errno 19; not judged until it can"],
  ],
]);
