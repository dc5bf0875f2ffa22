/** One message of each kind, as a guest sends it. */
import type { Beat, Bye, GuestMessage, Hello, LastWords } from "@bernard/protocol";

const memory = {
  name: "memory",
  verdict: "failed",
  reason: "12 MiB available, limit 32 MiB, for 5 s",
  readings: { available_kib: 12288, full_avg10_percent: 41.5 },
} as const;

export const hello: Hello = {
  type: "hello",
  v: 1,
  version: "0.1.0",
  boot: "0d2e5c7a-6f0e-4a5e-9d7c-3d1f7f2b9a10",
  at: 3.25,
  device: { identity: "i6300ESB timer", timeout: 10 },
  mode: "act",
  checks: ["memory", "disk:/data"],
};

export const beat: Beat = {
  type: "beat",
  v: 1,
  at: 13.5,
  seq: 2,
  feeds: 6,
  rounds: 6,
  late_rounds: 0,
  worst_late_ms: 0.3,
  checks: [memory],
};

export const lastWords: LastWords = {
  type: "last-words",
  v: 1,
  at: 40,
  check: "memory",
  reason: memory.reason,
  end: "reboot",
  acts: true,
  checks: [memory],
};

export const bye: Bye = { type: "bye", v: 1, at: 99, armed: false };

export const samples: readonly GuestMessage[] = [hello, beat, lastWords, bye];
