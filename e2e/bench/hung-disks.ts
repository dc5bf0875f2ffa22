/**
 * The 200-second table: the disk that everything lives on hangs, or its file system fails, and the guest is lost. Which feeder lets the
 * watchdog fire, after how long? Whoever still feeds after 200 s has not noticed.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Beat, GuestMessage } from "@bernard/protocol";
import {
  bootTestGuest,
  buildSystemdImage,
  type DiskName,
  type Image,
  type TestGuest,
  untilDiskWritable,
} from "@bernard/testbed";
import { type Say, table } from "@bernard/tools";
import { untilActive, watchdogConf } from "./feeders.ts";

const WATCHED_MS = 200_000;

/** Seconds; what the other feeders use by default, or nearly. */
const TIMEOUT_S = 30;

/** Guests that boot at a time: the rest of their lives costs next to nothing. */
const BOOTING = 2;

interface Trouble {
  readonly name: string;
  readonly served: boolean;
  strike(guest: TestGuest, disk: DiskName): Promise<void>;
}

const troubles: readonly Trouble[] = [
  {
    name: "writes hang (host's throttle)",
    served: false,
    strike: (guest, disk) => guest.throttle(disk, "writes"),
  },
  {
    name: "reads hang too (back end stopped)",
    served: true,
    strike: async (guest) => guest.stallStorage(),
  },
  {
    name: "ext4 in error state",
    served: false,
    strike: async (guest, disk) => {
      // The device-mapper's number, see the guests' init.
      await guest.run(`echo test > /sys/fs/ext4/dm-${disk === "data" ? 0 : 1}/trigger_fs_error`);
    },
  },
];

interface Feeder {
  readonly name: string;
  readonly disk: DiskName;
  /** Boots a guest whose watchdog is fed. */
  boot(trouble: Trouble): Promise<TestGuest>;
  /** Whether it stays away from this trouble. */
  readonly skips?: (trouble: Trouble) => boolean;
}

/** A line of the table: seconds, undefined where it did not happen in time. */
interface Finding {
  readonly trouble: string;
  readonly feeder: string;
  readonly told: number | undefined;
  readonly fired: number | undefined;
}

/** Prints the table. Some five minutes: all guests are watched side by side. */
export async function showHungDisks(image: Image, say: Say): Promise<void> {
  const feeders = [...smallFeeders(image), ...(await watchdogd(image)), systemd(await buildSystemdImage(say))];
  const turns = new Turns(BOOTING);
  process.setMaxListeners(process.getMaxListeners() + feeders.length * troubles.length); // each guest's end with ours
  const findings = await Promise.all(
    troubles.flatMap((trouble) =>
      feeders.filter(({ skips }) => !skips?.(trouble)).map((feeder) => watch(feeder, trouble, turns)),
    ),
  );
  print(findings);
}

async function watch(feeder: Feeder, trouble: Trouble, turns: Turns): Promise<Finding> {
  let guest: TestGuest | undefined;
  try {
    const struckAt = await turns.take(async () => {
      guest = await feeder.boot(trouble);
      const at = performance.now();
      await trouble.strike(guest, feeder.disk);
      return at;
    });
    const seconds = (at: number | undefined) => (at === undefined ? undefined : (at - struckAt) / 1000);
    const awaiting = { deadlineMs: WATCHED_MS - (performance.now() - struckAt), sinceMs: struckAt };
    const ill = (message: GuestMessage): message is Beat =>
      message.type === "beat" &&
      message.checks.some(({ name, verdict }) => name.startsWith("disk:") && verdict !== "healthy");
    const [told, fired] = await Promise.all(
      [guest!.nextMessage(ill, awaiting), guest!.nextEvent("WATCHDOG", awaiting)].map((awaited) =>
        awaited.then(
          ({ atMs }) => atMs,
          () => undefined,
        ),
      ),
    );
    return { trouble: trouble.name, feeder: feeder.name, told: seconds(told), fired: seconds(fired) };
  } finally {
    guest?.resumeStorage();
    await guest?.stop();
  }
}

/** The small guest's own disk is /data; it has no root to lose. Action none: a reset would wait for what the storage never answers. */
function smallFeeders(image: Image): Feeder[] {
  const small = (name: string, feeder: "bernard" | "watchdog", conf: string, skips?: Feeder["skips"]): Feeder => ({
    name,
    disk: "data",
    ...(skips === undefined ? {} : { skips }),
    boot: async ({ served }) => {
      const guest = await bootTestGuest({
        image,
        watchdog: "i6300esb",
        action: "none",
        feeder,
        conf,
        ...(served ? { servedDisk: "data" } : {}),
      });
      if (feeder === "bernard") await untilDiskWritable(guest);
      else await untilWell(guest);
      return guest;
    },
  });
  const ours = `watchdog-timeout = ${TIMEOUT_S}\ngrace = 0\nstate-directory = /run/bernard-guest\n`;
  return [
    small("bernard-guest", "bernard", ours),
    small("bernard-guest, storage-wait = 60", "bernard", `${ours}storage-wait = 60\n`, ({ served }) => !served),
    small("watchdog 5.16", "watchdog", watchdogConf({ device: "/dev/watchdog", disk: "/data", realtime: true })),
  ];
}

/** Where `WATCHDOGD` names a static build of troglobit's watchdogd. */
async function watchdogd(image: Image): Promise<Feeder[]> {
  const path = process.env.WATCHDOGD;
  if (path === undefined) return [];
  const program = await readFile(path);
  const conf = `timeout = ${TIMEOUT_S}
interval = 10
fsmon /data {
    enabled = true
    warning = 0.9
    critical = 0.95
}
`;
  const boot = async ({ served }: Trouble) => {
    const guest = await bootTestGuest({
      image,
      watchdog: "i6300esb",
      action: "none",
      ...(served ? { servedDisk: "data" } : {}),
    });
    await guest.put("/sbin/watchdogd", program);
    await guest.put("/etc/watchdogd.conf", Buffer.from(conf));
    await guest.run("chmod +x /sbin/watchdogd; watchdogd -f /etc/watchdogd.conf");
    await untilWell(guest);
    return guest;
  };
  return [{ name: "watchdogd", disk: "data", boot }];
}

/** Its root is on a disk, and PID 1 feeds (RuntimeWatchdogSec). */
function systemd(image: Image): Feeder {
  const boot = async ({ served }: Trouble) => {
    const guest = await bootTestGuest({
      image,
      watchdog: "i6300esb",
      action: "none",
      ...(served ? { servedDisk: "root" } : {}),
    });
    await guest.run(`modprobe i6300esb
      mkdir -p /run/systemd/system.conf.d
      printf '[Manager]\\nRuntimeWatchdogSec=${TIMEOUT_S}\\n' > /run/systemd/system.conf.d/watchdog.conf
      systemctl daemon-reexec`);
    await untilWell(guest);
    return guest;
  };
  return { name: "systemd", disk: "root", boot };
}

async function untilWell(guest: TestGuest): Promise<void> {
  await untilActive(guest);
  await delay(2000); // some rounds of health
}

/** So many at a time. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take<T>(act: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

function print(findings: readonly Finding[]): void {
  const cell = (value: number | undefined) => (value === undefined ? "-" : `${value.toFixed(1)} s`);
  console.log();
  const lines = table([
    ["", "feeder", "told after", "fired after"],
    ...findings.map(({ trouble, feeder, told, fired }, index) => [
      findings[index - 1]?.trouble === trouble ? "" : trouble,
      feeder,
      cell(told),
      fired === undefined ? "still fed after 200 s" : cell(fired),
    ]),
  ]);
  for (const line of lines) console.log(line);
}
