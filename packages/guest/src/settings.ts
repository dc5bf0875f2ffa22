/** All keys of the configuration: the daemon's own, then each check's. */
import { checkKinds } from "./checks/index.ts";
import type { Key } from "./config.ts";

const daemonKeys: readonly Key[] = [
  {
    name: "watchdog-device",
    type: "path",
    fallback: "/dev/watchdog",
    help: "device to feed; none: check and tell the host, but feed nothing",
  },
  {
    name: "watchdog-timeout",
    type: "number",
    whole: true,
    unit: "seconds",
    min: 1,
    max: 2046,
    fallback: 30,
    help: "the device fires this long after the last feed",
  },
  {
    name: "interval",
    type: "number",
    unit: "seconds",
    min: 0.1,
    max: 60,
    fallback: 1,
    help: "time from one round of checks and feed to the next",
  },
  {
    name: "realtime",
    type: "switch",
    fallback: true,
    help: "lock all memory and run at real-time priority; no: keep only the protection from the OOM killer",
  },
  {
    name: "priority",
    type: "number",
    whole: true,
    unit: "SCHED_FIFO priority",
    min: 1,
    max: 99,
    fallback: 1,
    help: "real-time priority",
  },
  {
    name: "channel",
    type: "path",
    fallback: "/dev/virtio-ports/org.bernard.guest.0",
    help: "port to the host; none: tell nobody",
  },
  {
    name: "state-directory",
    type: "path",
    fallback: "/var/lib/bernard-guest",
    help: "where the last words are kept, if its file system is a watched one; none: nowhere",
  },
];

export const keys: readonly Key[] = [...daemonKeys, ...checkKinds.flatMap((kind) => kind.keys)];
