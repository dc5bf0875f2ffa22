/** Ways in which the test guest goes bad. Nothing is faked: each makes the guest's own kernel meet the trouble. */
import { UserError } from "@bernard/tools";
import type { TestGuest } from "./test-guest.ts";

async function sh(guest: TestGuest, script: string, deadlineMs = 20_000): Promise<string> {
  const { code, output } = await guest.run(script, { deadlineMs });
  if (code !== 0) throw new UserError(`a command in the guest ended with ${code}: ${output.trim()}`);
  return output;
}

/** From the device-mapper table that was to the one that was loaded, without waiting for what the old one has in hand. */
const SWITCH = "dmsetup suspend --nolockfs --noflush --noudevsync data && dmsetup resume --noudevsync data";

/**
 * The disk under /data refuses every write from now on, and something writes. ext4 cannot commit its journal and handles
 * that by `errors=remount-ro`: new files are refused, `errors_count` rises, while /proc/mounts goes on saying `rw`. Reading
 * works. A reset brings the disk back.
 */
export async function failDisk(guest: TestGuest): Promise<void> {
  await failQuietDisk(guest);
  await sh(
    guest,
    `mkdir /data/written-while-failing
    sync # the journal cannot be written
    ! touch /data/refused 2> /dev/null`,
  );
}

/** As {@link failDisk}, but nothing writes: whoever writes next, a probe for one, is the first to meet the failure. */
export async function failQuietDisk(guest: TestGuest): Promise<void> {
  await sh(
    guest,
    `/lib/testbed/load flakey
    # up for 0 s, then down for an hour, in which writes fail
    echo "0 $(cat /sys/block/vda/size) flakey /dev/vda 0 0 3600 1 error_writes" | dmsetup reload data || exit
    ${SWITCH}`,
  );
}

/** The storage under /data is down: the disk can neither be written nor read. No reset brings that back, {@link restoreStorage} does. */
export async function loseStorage(guest: TestGuest): Promise<void> {
  await sh(guest, `echo "0 $(cat /sys/block/vda/size) error" | dmsetup reload data && ${SWITCH}`);
}

export async function restoreStorage(guest: TestGuest): Promise<void> {
  await sh(guest, `echo "0 $(cat /sys/block/vda/size) linear /dev/vda 0" | dmsetup reload data && ${SWITCH}`);
}

/** The file system of /data (ext4, XFS) gives up, as it does by itself when it finds itself broken. Its disk is well. */
export async function shutDownFileSystem(guest: TestGuest): Promise<void> {
  await sh(guest, "/lib/testbed/shutdown-fs /data");
}

/** Thousandths of MemTotal between which {@link exhaustMemory} keeps MemAvailable. */
const LEFT_PERMILLE = { low: 9, high: 15 };

/** What the kernel keeps free for itself and does not call available; with less it now and then panics ("deadlocked on memory"). */
const KERNEL_RESERVE_KIB = 4096;

/**
 * Processes that the OOM killer may not touch take memory until about 1 % of it is available, and others read a disk at
 * random through what is left of the page cache: the guest sees MemAvailable near zero and /proc/pressure/memory `full` rising.
 */
export async function exhaustMemory(guest: TestGuest): Promise<void> {
  await sh(
    guest,
    `echo ${KERNEL_RESERVE_KIB} > /proc/sys/vm/min_free_kbytes
    echo -1000 > /proc/self/oom_score_adj
    /lib/testbed/hog thrash /dev/vda &
    /lib/testbed/hog memory ${LEFT_PERMILLE.low} ${LEFT_PERMILLE.high} &`,
  );
}

/**
 * From half a second after the call every processor runs a loop at the highest real-time priority, without real-time
 * throttling: no other process runs again, only interrupts do.
 */
export async function hang(guest: TestGuest): Promise<void> {
  await sh(guest, "echo -1 > /proc/sys/kernel/sched_rt_runtime_us; (sleep 0.5; exec /lib/testbed/hog cpu) &");
}

/** The address of the only machine on the guest's network. */
export const GATEWAY = "10.0.2.2";

/** Brings the network card up as eth0, with a default route. */
export async function joinNetwork(guest: TestGuest): Promise<void> {
  await sh(
    guest,
    `/lib/testbed/load network
    ip link set lo up
    ip address add 10.0.2.15/24 dev eth0 && ip link set eth0 up && ip route add default via ${GATEWAY}`,
  );
}

/** A backup freezes /data, and thaws it `seconds` later: whoever writes waits, nothing is wrong. Resolves once it is frozen. */
export async function freeze(guest: TestGuest, seconds: number): Promise<void> {
  await sh(guest, `(sleep ${seconds}; fsfreeze --unfreeze /data) & fsfreeze --freeze /data`);
}

/**
 * Hard work in a healthy guest, for `seconds`: every processor busy, half of the memory taken, the page cache churned, files
 * written and synced, processes started and ended. Resolves when it is over.
 */
export async function load(guest: TestGuest, seconds: number): Promise<void> {
  await sh(
    guest,
    `for cpu in $(seq $(nproc)); do timeout ${seconds} sh -c 'while :; do :; done' & done
    timeout ${seconds} /lib/testbed/hog memory 400 500 &
    timeout ${seconds} /lib/testbed/hog thrash /dev/vda &
    end=$(($(date +%s) + ${seconds}))
    while [ $(date +%s) -lt $end ]; do
      dd if=/dev/zero of=/data/load bs=64k count=64 conv=fsync 2> /dev/null || exit
      rm /data/load
    done
    wait`,
    (seconds + 30) * 1000,
  );
}
