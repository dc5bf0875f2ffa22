/** What a guest says of itself: a beat of the checks that bernard-guest has on by default, with two disks, as a real one sent it. */
import { type Beat, type Hello, PROTOCOL_VERSION } from "@bernard/protocol";

const healthy = (name: string, readings: Readonly<Record<string, number>>) => ({
  name,
  verdict: "healthy" as const,
  reason: "",
  readings,
});

const disk = { writable: 1, waiting_s: 0, frozen: 0, errors_risen: 0 };
const space = { used_percent: 40.9, available_mib: 61_403, inodes_used_percent: 3.9 };

export const beat = (seq: number): Beat => ({
  type: "beat",
  v: PROTOCOL_VERSION,
  at: 10 * seq,
  seq,
  feeds: 2 * seq,
  rounds: 10 * seq,
  late_rounds: 0,
  worst_late_ms: 1.25,
  checks: [
    healthy("memory", {
      available_kib: 3_503_808 + seq,
      available_percent: 85.2,
      full_avg10_percent: 0,
      full_percent: 0,
      needed_again_per_s: 0,
    }),
    healthy("thrash", { full_avg60_percent: 0, refaults_per_s: 12 }),
    healthy("lateness", { lateness_s: 0.001, steal_percent: 0.1, some_avg10_percent: 4.05 }),
    healthy("processes", { tasks: 224, tasks_percent: 0.7, fork_errno: 0 }),
    healthy("handles", { open_files: 1836, open_files_percent: 0.1 }),
    healthy("oom-kills", { kills: 0, kills_10min: 0 }),
    healthy("kernel-log", { matched: 0, floods: 0 }),
    healthy("disk:/", disk),
    healthy("space:/", space),
    healthy("disk:/data", disk),
    healthy("space:/data", space),
  ],
});

export const beatLine = (seq: number): string => `${JSON.stringify(beat(seq))}\n`;

export function helloLine(guest: number): string {
  const hello: Hello = {
    type: "hello",
    v: PROTOCOL_VERSION,
    version: "0.1.0",
    boot: `00000000-0000-4000-8000-${guest.toString(16).padStart(12, "0")}`,
    at: 5,
    device: { identity: "i6300ESB timer", timeout: 30 },
    mode: "act",
    checks: beat(1).checks.map(({ name }) => name),
  };
  return `${JSON.stringify(hello)}\n`;
}
