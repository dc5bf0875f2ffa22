/** /etc/bernard/host.yaml: its keys, defaults and ranges, in one schema. */
import { z } from "zod";
import { DEFAULTS, type Settings } from "./engine/settings.ts";

/** `90 s`, `10 min`, `1 h`, `30 d` -> milliseconds */
const UNITS: Readonly<Record<string, number>> = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** `512 KiB`, `64 MiB`, `10 GiB` -> bytes */
const SIZES: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

const measured = (units: Readonly<Record<string, number>>, example: string) =>
  z
    .string()
    .regex(
      new RegExp(`^[1-9][0-9]{0,8} ?(${Object.keys(units).join("|")})$`),
      `write a number from 1 on and ${Object.keys(units).join(", ")}: ${example}`,
    )
    .transform((text) => {
      const [, number, unit] = /^([0-9]+) ?([A-Za-z]+)$/.exec(text) ?? [];
      return Number(number) * (units[unit ?? ""] ?? 1);
    })
    .meta({ legal: `a number and ${Object.keys(units).join(", ")}`, units });

const duration = measured(UNITS, "90 s");
const size = measured(SIZES, "64 MiB");
const path = z.string().startsWith("/", "write an absolute path").meta({ legal: "an absolute path" });
const percent = z.number().min(1).max(100).meta({ legal: "1 to 100, percent" });

const webhook = z
  .strictObject({
    type: z.literal("webhook"),
    url: z.url({ protocol: /^https?$/ }).meta({ example: "https://alerts.example.org/bernard" }),
  })
  .describe("a POST of the alert as JSON");
const email = z
  .strictObject({
    type: z.literal("email"),
    server: z
      .string()
      .regex(/^[^\s:/]+(:[0-9]+)?$/, "write HOST or HOST:PORT")
      .meta({ example: "mail.example.org:25" }),
    from: z.email().meta({ example: "bernard@example.org" }),
    to: z
      .array(z.email())
      .min(1)
      .meta({ example: ["ops@example.org"] }),
  })
  .describe("a mail by SMTP");
const command = z
  .strictObject({
    type: z.literal("command"),
    run: z
      .array(z.string())
      .min(1)
      .meta({ example: ["/usr/local/bin/tell-ops", "--from", "bernard"] }),
  })
  .describe("a program, without a shell; it gets the alert as JSON on standard input");

const receiver = z.discriminatedUnion("type", [webhook, email, command]);

export const hostSchema = z.strictObject({
  connect: z
    .string()
    .default("qemu:///system")
    .meta({ description: "The hypervisor that is watched.", legal: "qemu:///system, or qmp:///FOLDER for QEMU's own" }),
  "read-only": z
    .boolean()
    .default(true)
    .describe("Whether libvirt's socket for readers is used. The other one lets screenshots be taken too."),
  state: path.default("/var/lib/bernard").describe("Where the journal and the evidence are kept."),
  run: path.default("/run/bernard").describe("Where the socket for the command line is."),
  judge: z
    .strictObject({
      silence: duration.default(DEFAULTS.silenceMs).describe("A guest that told of itself is silent after this."),
      "cross-check": duration
        .default(DEFAULTS.crossCheckMs)
        .describe("How long the disks, network and processors of a silent guest are watched before it is an incident."),
      "host-pressure": percent
        .default(DEFAULTS.hostPressure)
        .describe("From this pressure of the host on a silent guest is not blamed."),
      steal: percent
        .default(DEFAULTS.stealPercent)
        .describe("A silent guest is not blamed either when its processors waited so much for the host's."),
      boot: duration
        .default(DEFAULTS.bootMs)
        .describe("A guest that once told of itself has booted by then, or its boot hangs."),
      paused: duration
        .default(DEFAULTS.pausedMs)
        .describe("How long a guest that its watchdog has paused may wait for somebody."),
      dump: duration.default(DEFAULTS.dumpMs).describe("The same where libvirt dumps its memory meanwhile."),
      ask: duration.default(DEFAULTS.askMs).describe("Between two questions to the emulator of a guest that is well."),
      stuck: duration.default(DEFAULTS.stuckMs).describe("How long an emulator may leave questions unanswered."),
      loop: z
        .strictObject({ ends: z.int().min(2).max(100), within: duration })
        .default({ ends: DEFAULTS.loopEnds, within: DEFAULTS.loopMs })
        .describe("So many resets within that time are a loop."),
      "host-guests": z
        .int()
        .min(2)
        .default(DEFAULTS.hostGuests)
        .describe("So many guests in the same trouble at a time have one cause, the host's."),
      calm: duration
        .default(DEFAULTS.calmMs)
        .describe("A guest that tells nothing of itself is well again when so long nothing more has happened."),
    })
    .prefault({})
    .describe("What is an incident, and from when on."),
  evidence: z
    .strictObject({
      consoles: z
        .boolean()
        .default(false)
        .describe("Whether the guests' consoles are read. A console has one reader: virsh console is refused then."),
      "keep-for": duration.default(30 * 86_400_000).describe("What is older is deleted, incidents too."),
      "per-guest": size.default(64 * 2 ** 20).describe("What is more, of one guest, goes: the oldest first."),
      "in-all": size.default(4 * 2 ** 30).describe("The same, of all guests."),
    })
    .prefault({})
    .describe("What is kept of incidents."),
  record: path
    .optional()
    .meta({ description: "Records what is judged by, for a replay.", example: "/var/lib/bernard/record" }),
  metrics: z
    .string()
    .regex(/^[^\s]+:[0-9]+$/, "write ADDRESS:PORT")
    .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) < 2 ** 16, "a port is less than 65536")
    .optional()
    .meta({
      description: "Prometheus may read the metrics there, and so may whoever reaches it; they are at the socket, too.",
      legal: "ADDRESS:PORT",
      example: "127.0.0.1:9796",
    }),
  alerts: z
    .record(z.string().regex(/^[a-z0-9-]{1,32}$/, "name it with a-z, 0-9 and -"), receiver)
    .default({})
    .describe("Who is told of incidents, each under a name of your own."),
});

export type HostConfig = z.output<typeof hostSchema>;
export type Receiver = z.output<typeof receiver>;

/** What judgement goes by. */
export function settingsOf({ judge }: HostConfig): Settings {
  return {
    silenceMs: judge.silence,
    crossCheckMs: judge["cross-check"],
    hostPressure: judge["host-pressure"],
    stealPercent: judge.steal,
    bootMs: judge.boot,
    pausedMs: judge.paused,
    dumpMs: judge.dump,
    askMs: judge.ask,
    stuckMs: judge.stuck,
    loopEnds: judge.loop.ends,
    loopMs: judge.loop.within,
    hostGuests: judge["host-guests"],
    calmMs: judge.calm,
  };
}
