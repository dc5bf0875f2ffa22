/** Resident memory of each feeder in one and the same guest, plain and with all memory locked. */

import { bootTestGuest, type Image, type TestGuest } from "@bernard/testbed";
import type { Measurement } from "@bernard/tools";
import { bernardConf, everyCheck, watchdogConf } from "./feeders.ts";

interface Sizes {
  readonly rss: number;
  /** Of all its processes together. */
  readonly pss: number;
}

export async function measureMemory(image: Image): Promise<Measurement[]> {
  const guest = await bootTestGuest({ image, watchdog: "i6300esb", feeder: "none" });
  try {
    const rows: Measurement[] = [];
    for (const realtime of [false, true]) {
      const ours = await feedWith(
        guest,
        "/sbin/bernard-guest --config",
        bernardConf({ device: "/dev/watchdog", disk: "/data", realtime }) + everyCheck("/tmp"),
      );
      const conf = watchdogConf({ device: "/dev/watchdog", disk: "/data", realtime });
      const peer = await feedWith(guest, "/usr/sbin/watchdog -F -c", conf);
      const how = realtime ? "all memory locked" : "plain";
      rows.push(
        { what: `resident, ${how}`, unit: "KiB", ours: ours.rss, peer: peer.rss, limit: realtime ? 4608 : 3072 },
        { what: `all its processes (PSS), ${how}`, unit: "KiB", ours: ours.pss, peer: peer.pss, limit: 6144 },
      );
    }
    return rows;
  } finally {
    await guest.stop();
  }
}

/** Lets a feeder feed for a dozen rounds, then reads what it and its children hold; stopped cleanly, it leaves the device to the next. */
async function feedWith(guest: TestGuest, command: string, conf: string): Promise<Sizes> {
  const script = `
    ip link set lo up
    echo 1 > /tmp/feeder.pid
    cat > /tmp/conf <<'END'
${conf}END
    ${command} /tmp/conf > /tmp/out 2>&1 & feeder=$!
    sleep 12
    kill -0 $feeder || { cat /tmp/out; exit 1; }
    echo "locked $(awk '/^VmLck/ { print $2 }' /proc/$feeder/status)"
    echo "rss $(awk '/^Rss/ { print $2 }' /proc/$feeder/smaps_rollup)"
    for child in $(cat /proc/$feeder/task/$feeder/children) $feeder; do awk '/^Pss:/ { print "pss", $2 }' /proc/$child/smaps_rollup; done
    kill $feeder
    wait $feeder`;
  const { code, output } = await guest.run(script, { deadlineMs: 60_000 });
  const sum = (key: string) =>
    [...output.matchAll(new RegExp(`^${key} (\\d+)`, "gm"))].reduce((total, [, kib]) => total + Number(kib), 0);
  const sizes = { rss: sum("rss"), pss: sum("pss") };
  const locked = sum("locked") > 0;
  if (locked !== conf.includes("realtime = yes"))
    throw new Error(`${command}: locked is ${locked}, against its configuration`);
  if (code !== 0 || sizes.rss === 0) throw new Error(`${command} ended with ${code}: ${output}`);
  return sizes;
}
