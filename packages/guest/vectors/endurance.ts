/** Weeks of rounds in minutes: the whole daemon with its checks on, at a scripted guest whose ways change, and what it takes of memory. */
import { encode, numberBehind } from "../src/bytes.ts";
import { checkKinds } from "../src/checks/index.ts";
import { parseConfig, type Settings } from "../src/config.ts";
import { print } from "../src/configure.ts";
import { Daemon } from "../src/daemon.ts";
import * as system from "../src/linux/system.ts";
import { RecordKeeper } from "../src/record.ts";
import { Repairs } from "../src/repair.ts";
import { keys } from "../src/settings.ts";
import { ScriptedPlatform, scriptedDevice } from "./scripted.ts";
import { ERRORS, MEM, MOUNTS, meminfo, mountinfo, PSI, pressure } from "./story.ts";

/** A scripted guest that keeps nothing of what it hears: that would be the growth. */
class Endless extends ScriptedPlatform {
  readonly #bytes = new Map<string, Uint8Array>();

  override note(): void {}

  override send(): boolean {
    return true;
  }

  override log(): void {}

  /** Each text is made into bytes once, as the kernel would have them. */
  override readFile(path: string): Uint8Array | undefined {
    const text = this.textOf(path);
    if (text === undefined) return undefined;
    const bytes = this.#bytes.get(text) ?? encode(text);
    this.#bytes.set(text, bytes);
    return bytes;
  }
}

const VMSTAT = "oom_kill 0\nworkingset_refault_anon 1\nworkingset_refault_file 1\n";

const FILES = {
  [MEM]: meminfo(50_000),
  [PSI]: pressure(0),
  [MOUNTS]: mountinfo("rw"),
  "/sys/dev/block/254:0": "../../devices/virtio0/block/vda",
  [ERRORS]: "0\n",
  "/proc/pressure/cpu": "some avg10=6.12 avg60=8.42 avg300=8.83 total=1021692216\n",
  "/proc/stat": "cpu  100 0 100 1000 0 0 0 0 0 0\n",
  "/proc/loadavg": "0.50 0.40 0.30 2/120 4711\n",
  "/proc/sys/kernel/threads-max": "1000\n",
  "/proc/sys/kernel/pid_max": "32768\n",
  "/proc/sys/fs/file-nr": "992\t0\t9223372\n",
  "/proc/vmstat": VMSTAT,
  "/proc/self/cgroup": "0::/\n",
  "/sys/class/net/eth0/statistics/rx_bytes": "1\n",
  "/sys/class/net/eth0/carrier": "1\n",
  "/run/it.pid": "7\n",
  "/proc/7/stat": "7 (it) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 100 1 1\n",
};

const CONFIG = `disk = /data
disk-hold = 5
memory-hold = 5
state-directory = /data/state
max-load-1 = 24
min-memory = 10
allocatable-memory = 10
file = /data/log
change = 3600
pidfile = /run/it.pid
ping = 192.0.2.1
interface = eth0
test-binary = /bin/true
heartbeat-file = /run/heartbeat
`;

/** Rounds from one spell of trouble to the next, and how long each lasts. */
const SPELL = 1000;
const TROUBLED = 30;

/** Rounds after which everything has been met once, and memory is what it will be. */
const SETTLED = 50_000;

/** Lives through `rounds` seconds; prints what is resident after {@link SETTLED} and at the end. */
export function endure(rounds: number): void {
  const platform = new Endless(FILES);
  const settings = parseConfig(CONFIG, "endurance", keys) as Settings;
  const context = { settings, platform, use: "watch", signs: { disk: 0 } } as const;
  const checks = checkKinds.flatMap((kind) => kind.create(context));
  const record = new RecordKeeper(platform, {
    directory: "/data/state",
    machine: "",
    boot: "endurance",
    limit: 3,
    window: 86_400,
    patience: 3000,
  });
  record.open(false);
  const daemon = new Daemon({
    platform,
    checks,
    device: scriptedDevice(platform, 1, 2046, 0, 0),
    timeout: 10,
    interval: 1,
    boot: "endurance",
    mode: "announce",
    grace: 0,
    endDeadline: 30,
    sigtermDelay: 5,
    record,
    requestReload: () => {},
    repairs: new Repairs(platform, { program: undefined, timeout: 60_000, maximum: 1, logFor: () => "" }),
  });
  daemon.start();
  print(`checks: ${checks.map(({ name }) => name).join(" ")}`);
  for (let round = 1; round <= rounds; round++) {
    platform.advance(round);
    if (round % SPELL === 0) platform.change(trouble(round));
    if (round % SPELL === TROUBLED) platform.change(ease(round));
    daemon.round();
    platform.runChildren();
    if (round === SETTLED) print(`resident after ${round} rounds: ${resident()} KiB`);
  }
  print(`resident after ${rounds} rounds: ${resident()} KiB; ${daemon.status().would_fire.length} ends kept`);
}

const trouble = (at: number) =>
  ({
    at,
    files: { [MEM]: meminfo(1000), [PSI]: pressure(70), "/proc/loadavg": "90.0 80.0 70.0 2/120 4711\n" },
    probe: { step: "create", errno: 30 },
    jobs: { "test  /bin/true": { status: 1, output: "" } },
  }) as const;

const ease = (at: number) =>
  ({
    at,
    files: { [MEM]: FILES[MEM], [PSI]: FILES[PSI], "/proc/loadavg": FILES["/proc/loadavg"] },
    probe: { step: "remove", errno: 0 },
    jobs: { "test  /bin/true": { status: 0, output: "" } },
  }) as const;

function resident(): number {
  const status = system.readWhole("/proc/self/status");
  return typeof status === "number" ? Number.NaN : numberBehind(status, encode("VmRSS:\t"));
}
