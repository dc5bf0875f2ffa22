/** What a guest says of itself: a beat of the checks that bernard-guest has on by default, with two disks, as a real one sent it. */
import { type Beat, type Hello, PROTOCOL_VERSION } from "@bernard/protocol";

const healthy = (name: string, readings: Readonly<Record<string, number>>) => ({
  name,
  verdict: "healthy" as const,
  reason: "",
  readings,
});

const disk = { writable: 1, waiting_s: 0, frozen: 0, errors_risen: 0 };

/** What changes from beat to beat in a guest that is used; the rest stands as it is for hours. */
const wave = (seq: number, base: number, height: number, digits = 0): number =>
  Number((base + height * Math.sin(seq)).toFixed(digits));

const space = (seq: number) => ({
  used_percent: wave(seq, 40.9, 0.2, 1),
  available_mib: wave(seq, 61_403, 200),
  inodes_used_percent: 3.9,
});

export const beat = (seq: number): Beat => ({
  type: "beat",
  v: PROTOCOL_VERSION,
  at: 10 * seq,
  seq,
  feeds: 2 * seq,
  rounds: 10 * seq,
  late_rounds: Math.floor(seq / 20),
  worst_late_ms: wave(seq, 1.25, 1, 2),
  checks: [
    healthy("memory", {
      available_kib: wave(seq, 3_503_808, 40_000),
      available_percent: wave(seq, 85.2, 1, 1),
      full_avg10_percent: 0,
      full_percent: 0,
      needed_again_per_s: 0,
    }),
    healthy("thrash", { full_avg60_percent: 0, refaults_per_s: wave(seq, 12, 12) }),
    healthy("lateness", {
      lateness_s: wave(seq, 0.002, 0.001, 3),
      steal_percent: wave(seq, 0.2, 0.1, 1),
      some_avg10_percent: wave(seq, 4.05, 3, 2),
    }),
    healthy("processes", { tasks: wave(seq, 224, 9), tasks_percent: 0.7, fork_errno: 0 }),
    healthy("handles", { open_files: wave(seq, 1836, 40), open_files_percent: 0.1 }),
    healthy("oom-kills", { kills: 0, kills_10min: 0 }),
    healthy("kernel-log", { matched: 0, floods: 0 }),
    healthy("disk:/", disk),
    healthy("space:/", space(seq)),
    healthy("disk:/data", disk),
    healthy("space:/data", space(seq)),
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
