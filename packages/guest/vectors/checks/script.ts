/** Test programs of the operator's: what each way to end means, and what follows. */
import { type Check, HeldCheck } from "../../src/check.ts";
import { script } from "../../src/checks/script.ts";
import { parseConfig, type Settings } from "../../src/config.ts";
import { type JobOutcome, KILLED, NOT_RUN, TIMED_OUT, UNBORN } from "../../src/platform.ts";
import { Repairs } from "../../src/repair.ts";
import { keys } from "../../src/settings.ts";
import { ScriptedPlatform } from "../scripted.ts";
import { suite } from "../vector.ts";

const V0 = "/usr/sbin/my-test";
const V1 = "/etc/watchdog.d/app";
const FOLDER = { "/etc/watchdog.d": V1 };

interface Run {
  readonly config?: string;
  readonly files?: Readonly<Record<string, string>>;
  /** How runs end from that second on; `hang`: not before their deadline. */
  readonly ends: Readonly<Record<number, JobOutcome | "hang">>;
  readonly until: number;
}

const code = (status: number, output = ""): JobOutcome => ({ status, output });

function made({ config = "", files = {} }: Pick<Run, "config" | "files">) {
  const platform = new ScriptedPlatform(files);
  const settings = parseConfig(config, "story", keys) as Settings;
  const checks = script.create({ settings, platform, use: "watch", signs: { disk: 0 } });
  return { platform, checks };
}

/** The changes of verdict or reason of the one program there is, and what would follow. */
function tell({ ends, until, ...rest }: Run): string[] {
  const { platform, checks } = made(rest);
  const held = checks.map((check) => new HeldCheck(check, 6000))[0] as HeldCheck;
  const heard: string[] = [];
  let before = "";
  for (let second = 0; second <= until; second++) {
    platform.advance(second);
    const outcome = ends[second];
    const jobs = { [`test /var/log/watchdog/usr-sbin-my-test ${V0}`]: outcome, [`test  ${V0}`]: outcome };
    const own = { [`test /var/log/watchdog/etc-watchdog.d-app ${V1} test`]: outcome };
    if (outcome !== undefined) platform.change({ at: second, jobs: { ...jobs, ...own } as Record<string, JobOutcome> });
    held.look(second * 1000);
    platform.runChildren();
    const now = held.reason === "" ? held.verdict : `${held.verdict}: ${held.reason}; ${held.end}, code ${held.code}`;
    if (now !== before) heard.push(`${second}: ${now}`);
    before = now;
  }
  return heard;
}

const well = "0: healthy";
const config = `test-binary = ${V0}\n`;
const fails = (from: number, what: string, follows: string) => [
  well,
  `${from}: failing: ${V0} ${what}; ${follows}`,
  `${from + 60}: failed: ${V0} ${what}; ${follows}`,
];

export const verdicts = suite("script", tell, [
  ["well", { config, ends: {}, until: 200 }, [well]],
  [
    "one bad run among good ones",
    { config, ends: { 5: code(1), 6: code(0) }, until: 100 },
    [well, `6: failing: ${V0} failed with exit code 1; reboot, code 1`, "7: healthy"],
  ],
  [
    "an errno, for the retry timeout",
    { config, ends: { 5: code(5) }, until: 70 },
    fails(6, "failed with exit code 5", "reboot, code 5"),
  ],
  [
    "softboot-option: at once",
    { config: `${config}softboot-option = yes`, ends: { 5: code(5) }, until: 9 },
    [well, `6: failed: ${V0} failed with exit code 5; reboot, code 5`],
  ],
  ["an unknown result changes nothing", { config, ends: { 5: code(245) }, until: 200 }, [well]],
  [
    "nor does it excuse what was known",
    { config, ends: { 5: code(7), 10: code(245) }, until: 70 },
    fails(6, "failed with exit code 7", "reboot, code 7"),
  ],
  [
    "an order to reboot is carried out at once",
    { config, ends: { 5: code(255) }, until: 9 },
    [well, `6: failed: ${V0} orders a reboot; reboot, code 255`],
  ],
  [
    "to reset too, and harder",
    { config, ends: { 5: code(254) }, until: 9 },
    [well, `6: failed: ${V0} orders a reset; starve, code 254`],
  ],
  [
    "too hot",
    { config, ends: { 5: code(252) }, until: 9 },
    [well, `6: failed: ${V0} finds it too hot; poweroff, code 252`],
  ],
  [
    "no order is above an operator who wants alarms only",
    { config: `${config}script-end = alarm`, ends: { 5: code(254) }, until: 9 },
    [well, `6: failed: ${V0} orders a reset; alarm, code 254`],
  ],
  [
    "a run that hangs is ended, and has failed",
    { config: `${config}test-timeout = 10`, ends: { 5: "hang" }, until: 80 },
    fails(16, "has not ended within 10 s", "reboot, code 247"),
  ],
  ["a slow one has all the time that it was given", { config, ends: { 5: "hang", 60: code(0) }, until: 200 }, [well]],
  [
    "without a limit there is one all the same",
    { config: `${config}test-timeout = 0`, ends: { 5: "hang" }, until: 3700 },
    fails(3606, "has not ended within 3600 s", "reboot, code 247"),
  ],
  [
    "one that a frozen disk holds up is excused",
    { config, ends: { 5: code(TIMED_OUT, "percpu_rwsem_wait") }, until: 300 },
    [well],
  ],
  [
    "so is any while a backup has frozen the guest",
    { config, files: { "/run/qga.state.isfrozen": "" }, ends: { 5: code(TIMED_OUT, "do_wait") }, until: 300 },
    [well],
  ],
  [
    "killed",
    { config, ends: { 5: code(KILLED, "9") }, until: 70 },
    fails(6, "was killed by signal 9", "reboot, code 248"),
  ],
  [
    "a flood is its own defect",
    { config, ends: { 5: code(KILLED, "25") }, until: 70 },
    fails(6, "was killed for writing without end", "alarm, code 248"),
  ],
  [
    "a flood in a shell",
    { config, ends: { 5: code(153) }, until: 70 },
    fails(6, "was killed for writing without end", "alarm, code 248"),
  ],
  [
    "gone with an upgrade: an alarm, and nothing when it is back soon",
    { config, ends: { 5: code(NOT_RUN, "2"), 30: code(0), 40: code(NOT_RUN, "13") }, until: 110 },
    [
      well,
      `6: failing: ${V0} cannot be run (errno 2); alarm, code 2`,
      "31: healthy",
      `41: failing: ${V0} cannot be run (errno 13); alarm, code 13`,
      `101: failed: ${V0} cannot be run (errno 13); alarm, code 13`,
    ],
  ],
  [
    "one that the disk does not hand out any more is not just gone",
    { config, ends: { 5: code(NOT_RUN, "5") }, until: 70 },
    fails(6, "cannot be run (errno 5)", "reboot, code 5"),
  ],
  [
    "no process for it says nothing of it",
    { config, ends: { 5: code(UNBORN, "11") }, until: 70 },
    fails(6, "cannot be started (errno 11)", "alarm, code 11"),
  ],
  [
    "in the folder",
    { files: FOLDER, ends: { 3: code(1), 4: code(0) }, until: 9 },
    [well, `4: failing: ${V1} failed with exit code 1; reboot, code 1`, "5: healthy"],
  ],
  [
    "no log",
    { config: `${config}log-dir =`, ends: { 3: code(255) }, until: 5 },
    [well, `4: failed: ${V0} orders a reboot; reboot, code 255`],
  ],
]);

/** Whether its end has to wait for a repair, once it has failed with this code. */
function isRepaired(status: number): string[] {
  const { platform, checks } = made({ files: FOLDER, config: "softboot-option = yes" });
  const held = new HeldCheck(checks[0] as Check, 6000);
  const repairs = new Repairs(platform, { program: undefined, timeout: 60_000, maximum: 1, logFor: () => "" });
  platform.change({ at: 0, jobs: { [`test /var/log/watchdog/etc-watchdog.d-app ${V1} test`]: code(status) } });
  held.look(0);
  platform.runChildren();
  held.look(1000);
  return [held.verdict, repairs.holdsBack(held, 1000) ? "is repaired" : "ends", ...platform.heard];
}

export const repairs = suite("script, repairs", isRepaired, [
  ["by itself, told its code", 42, ["failed", "is repaired", `0: runs ${V1} repair 42 ${V1}`]],
  ["an order is no fault to repair", 255, ["failed", "ends"]],
]);

const many = Array.from({ length: 17 }, (_, i) => `/etc/watchdog.d/${String(i).padStart(2, "0")}`);

export const programs = suite(
  "script, programs",
  (input: Pick<Run, "config" | "files">) => {
    const { platform, checks } = made(input);
    return [...checks.map(({ name, repairProgram }) => [name, repairProgram ?? "none"].join(" ")), ...platform.heard];
  },
  [
    ["none by default", {}, []],
    [
      "both kinds; only those of the folder repair",
      { config, files: FOLDER },
      [`script:${V0} none`, `script:${V1} ${V1}`],
    ],
    [
      "one that is named and in the folder is run as named",
      { config: `test-binary = ${V1}`, files: FOLDER },
      [`script:${V1} none`],
    ],
    ["no folder", { config: "test-directory =", files: FOLDER }, []],
    [
      "too many",
      { files: { "/etc/watchdog.d": many.join(" ") } },
      [
        ...many.slice(0, 16).map((path) => `script:${path} ${path}`),
        "0: log: warning: more than 16 test programs; not run: /etc/watchdog.d/16",
      ],
    ],
  ],
);
