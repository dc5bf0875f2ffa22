/** A job that reads all sensors of the machine: some ask a slow bus or firmware for each reading. */
import { decode } from "../../bytes.ts";
import * as system from "../system.ts";
import type { JobTask } from "./job.ts";

const ENODEV = 19;

const CLASS = "/sys/class/hwmon";

/** The highest temperature and where it was read, `MILLI-CELSIUS CHIP/SENSOR`: `47000 coretemp/temp1`. Numbers of chips change from boot to boot. */
export const hottest: JobTask = () => {
  let highest = Number.NEGATIVE_INFINITY;
  let where = "";
  for (const chip of system.listFolder(CLASS)) {
    for (const file of system.listFolder(`${CLASS}/${chip}`)) {
      if (!file.startsWith("temp") || !file.endsWith("_input")) continue;
      const value = Number(readText(`${CLASS}/${chip}/${file}`) ?? Number.NaN);
      if (!(value > highest)) continue;
      highest = value;
      where = `${readText(`${CLASS}/${chip}/name`) ?? chip}/${file.slice(0, -"_input".length)}`;
    }
  }
  return where === "" ? { status: ENODEV, output: "" } : { status: 0, output: `${highest} ${where}` };
};

function readText(path: string): string | undefined {
  const bytes = system.readWhole(path);
  return typeof bytes === "number" ? undefined : decode(bytes).trim();
}
