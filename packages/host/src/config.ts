/** /etc/bernard/host.yaml: its keys, defaults and ranges, in one schema. */
import { readFile } from "node:fs/promises";
import { errorCode, UserError } from "@bernard/tools";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { DEFAULTS } from "./engine/settings.ts";

/** `90 s`, `10 min`, `1 h`, `30 d` -> milliseconds */
const UNITS: Readonly<Record<string, number>> = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** `512 KiB`, `64 MiB`, `10 GiB` -> bytes */
const SIZES: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

const measured = (units: Readonly<Record<string, number>>, example: string) =>
  z
    .string()
    .regex(
      new RegExp(`^[0-9]+ ?(${Object.keys(units).join("|")})$`),
      `write a number and ${Object.keys(units).join(", ")}: ${example}`,
    )
    .transform((text) => {
      const [, number, unit] = /^([0-9]+) ?([A-Za-z]+)$/.exec(text) ?? [];
      return Number(number) * (units[unit ?? ""] ?? 1);
    });

const duration = measured(UNITS, "90 s");
const size = measured(SIZES, "64 MiB");

const webhook = z.strictObject({ type: z.literal("webhook"), url: z.url({ protocol: /^https?$/ }) });
const email = z.strictObject({
  type: z.literal("email"),
  server: z.string().regex(/^[^\s:/]+(:[0-9]+)?$/, "write HOST or HOST:PORT"),
  from: z.email(),
  to: z.array(z.email()).min(1),
});
const command = z.strictObject({ type: z.literal("command"), run: z.array(z.string()).min(1) });

const receiver = z.discriminatedUnion("type", [webhook, email, command]);

export const hostSchema = z.strictObject({
  connect: z.string().default("qemu:///system"),
  "read-only": z.boolean().default(true),
  state: z.string().startsWith("/").default("/var/lib/bernard"),
  run: z.string().startsWith("/").default("/run/bernard"),
  judge: z
    .strictObject({
      silence: duration.default(DEFAULTS.silenceMs),
      "cross-check": duration.default(DEFAULTS.crossCheckMs),
      "host-pressure": z.number().min(1).max(100).default(DEFAULTS.hostPressure),
      steal: z.number().min(1).max(100).default(DEFAULTS.stealPercent),
      boot: duration.default(DEFAULTS.bootMs),
      paused: duration.default(DEFAULTS.pausedMs),
      dump: duration.default(DEFAULTS.dumpMs),
      ask: duration.refine((ms) => ms > 0, "at least 1 s").default(DEFAULTS.askMs),
      stuck: duration.default(DEFAULTS.stuckMs),
      loop: z
        .strictObject({ ends: z.int().min(2).max(100), within: duration })
        .default({ ends: DEFAULTS.loopEnds, within: DEFAULTS.loopMs }),
      "host-guests": z.int().min(2).default(DEFAULTS.hostGuests),
      calm: duration.default(DEFAULTS.calmMs),
    })
    .prefault({}),
  evidence: z
    .strictObject({
      consoles: z.boolean().default(false),
      "keep-for": duration.default(30 * 86_400_000),
      "per-guest": size.default(64 * 2 ** 20),
      "in-all": size.default(4 * 2 ** 30),
    })
    .prefault({}),
  record: z.string().startsWith("/").optional(),
  metrics: z
    .string()
    .regex(/^[^\s]+:[0-9]+$/, "write ADDRESS:PORT")
    .optional(),
  alerts: z.record(z.string().regex(/^[a-z0-9-]{1,32}$/, "name it with a-z, 0-9 and -"), receiver).default({}),
});

export type HostConfig = z.output<typeof hostSchema>;
export type Receiver = z.output<typeof receiver>;

/** @throws UserError, exit code 2, with the file, the line and the key of the first thing that is wrong */
export async function readConfig(file: string): Promise<HostConfig> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT")
      throw new UserError(`there is no ${file}`, "leave --config out for the defaults", 2);
    throw error;
  }
  return parseConfig(text, file);
}

/** @param file for messages */
export function parseConfig(text: string, file: string): HostConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineOf = (offset: number) => `${file}:${lines.linePos(offset).line}`;
  const [spoiled] = document.errors;
  if (spoiled !== undefined) throw new UserError(`${lineOf(spoiled.pos[0])}: ${spoiled.message}`, undefined, 2);
  const found = hostSchema.safeParse(document.toJS() ?? {});
  if (found.success) return found.data;
  const { path, message, at } = complaint(found.error.issues[0]!);
  throw new UserError(`${lineOf(offsetOf(document, at))}: ${path.join(".") || "the file"}: ${message}`, undefined, 2);
}

interface Complaint {
  /** The key that it is about, and where that stands. */
  readonly path: readonly string[];
  readonly at: readonly PropertyKey[];
  readonly message: string;
}

function complaint(issue: z.core.$ZodIssue): Complaint {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const known = keysAt(path);
    const hint = known.length > 0 ? `; the keys here are ${known.join(", ")}` : "";
    return { path: [...path, key], at: [...issue.path, key], message: `no such key${hint}` };
  }
  return { path, at: issue.path, message: issue.message };
}

function keysAt(path: readonly string[]): string[] {
  let schema: unknown = hostSchema;
  for (const key of path) schema = shapeOf(schema)?.[key];
  return Object.keys(shapeOf(schema) ?? {});
}

/** The keys of an object's schema, defaults taken off. */
function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return shapeOf(schema.unwrap());
  return schema instanceof z.ZodObject ? schema.shape : undefined;
}

/** Where a key, or the nearest thing around it that is written, stands. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const items: unknown = (parent as { items?: unknown } | null)?.items;
    if (!Array.isArray(items)) continue;
    const pair = items.find((item) => String(item?.key?.value) === String(path[length - 1]));
    const range: unknown = pair?.key?.range ?? items[Number(path[length - 1])]?.range;
    if (Array.isArray(range)) return Number(range[0]);
  }
  return 0;
}
