/** Turns one line of the channel into a message, or tells why it is none. Whatever the guest sends, nothing is thrown. */
import { z } from "zod";
import {
  type GuestMessage,
  MAX_CHECKS,
  MAX_NAME_LENGTH,
  MAX_READINGS,
  MAX_REASON_LENGTH,
  PROTOCOL_VERSION,
} from "./messages.ts";
import { printable } from "./printable.ts";

export type Parsed =
  | { readonly ok: true; readonly message: GuestMessage }
  | { readonly ok: false; readonly problem: string };

const version = z.literal(PROTOCOL_VERSION);
const seconds = z.number().nonnegative();
const count = z.int().nonnegative();
const name = z.string().max(MAX_NAME_LENGTH);
// Cut, not refused: a guest that says too much in its last words must still be heard.
const reason = z.string().transform((text) => text.slice(0, MAX_REASON_LENGTH));

// By hand, for they are most of what guests say: zod would make several objects of each number.
const readings = z.unknown().transform((value, context): Readonly<Record<string, number>> => {
  const wrong = (message: string, ...path: string[]) => {
    context.addIssue({ code: "custom", message, path });
    return z.NEVER;
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong("not numbers by their names");
  const record = value as Record<string, unknown>;
  Reflect.deleteProperty(record, "__proto__"); // whoever copies it by assignment would change what the copy is
  let count = 0;
  for (const key in record) {
    if (++count > MAX_READINGS) return wrong(`more than ${MAX_READINGS} readings`);
    if (key.length > MAX_NAME_LENGTH) return wrong("too long a name", key);
    if (!Number.isFinite(record[key])) return wrong("not a number", key);
  }
  return record as Record<string, number>;
});

const check = z.object({ name, verdict: z.enum(["healthy", "failing", "failed"]), reason, readings });
const checks = z.array(check).max(MAX_CHECKS).readonly();

const message = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    v: version,
    version: name,
    boot: name,
    at: seconds,
    device: z.object({ identity: name, timeout: seconds }).nullable(),
    mode: z.enum(["act", "announce", "observe"]),
    checks: z.array(name).max(MAX_CHECKS).readonly(),
  }),
  z.object({
    type: z.literal("beat"),
    v: version,
    at: seconds,
    seq: count,
    feeds: count,
    rounds: count,
    late_rounds: count,
    worst_late_ms: z.number().nonnegative(),
    checks,
  }),
  z.object({
    type: z.literal("last-words"),
    v: version,
    at: seconds,
    check: name,
    reason,
    end: z.enum(["starve", "reboot", "poweroff", "panic"]),
    acts: z.boolean(),
    checks,
  }),
  z.object({ type: z.literal("bye"), v: version, at: seconds, armed: z.boolean() }),
]);

// The guest's types and the host's schema are one thing written twice: this line does not compile when they differ.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
true satisfies Same<z.infer<typeof message>, GuestMessage>;

/** `line` without its newline. Keys that we do not know are dropped. */
export function parseMessage(line: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { ok: false, problem: "no JSON" };
  }
  const result = message.safeParse(value);
  if (result.success) return { ok: true, message: result.data };
  const issue = result.error.issues[0];
  const where = issue?.path.map((step) => String(step).slice(0, MAX_NAME_LENGTH)).join(".") || "message";
  return { ok: false, problem: printable(`${where}: ${issue?.message}`) };
}
