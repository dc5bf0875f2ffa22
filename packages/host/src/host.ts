/** `bernard host`: the daemon put together, from its configuration to its end. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { type Guest, openHypervisor } from "@bernard/hypervisor";
import { errorLine } from "@bernard/tools";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { AlertSender } from "./alerts/alert-sender.ts";
import { type ApiHost, apiServer, listenAt, metricsServer, SUMMARY } from "./api/server.ts";
import type { HostConfig } from "./config.ts";
import { systemClock } from "./daemon/clock.ts";
import { ConsoleTails } from "./daemon/console-tails.ts";
import { GuestChannels } from "./daemon/guest-channels.ts";
import { isUnprotected, reportView, type StatusView } from "./daemon/views.ts";
import { Witness } from "./daemon/witness.ts";
import type { SignName } from "./engine/incident.ts";
import type { Settings } from "./engine/settings.ts";
import { collectors } from "./evidence/collectors/index.ts";
import { EvidenceStore } from "./evidence/evidence-store.ts";
import { summary } from "./evidence/summary.ts";
import { openJournal } from "./journal/open-journal.ts";
import { Metrics } from "./metrics.ts";

/** Milliseconds between two looks for what is too old or too much. */
const TIDY_MS = 60_000;

/**
 * Milliseconds until the evidence of a guest that somebody has undefined goes too: a hard reboot by Nova undefines the guest and
 * defines it again, and that comes just after the trouble.
 */
const DELETED_MS = 600_000;

/** libvirt's, of its system daemon. */
const LOG_DIR = "/var/log/libvirt/qemu";

/** In the run directory. */
const SOCKET = "host.sock";

/** A daemon that runs. */
export interface Host {
  /** Hangs up and writes what is left; guests go on. */
  stop(): Promise<void>;
}

/**
 * Resolves once every guest is watched.
 * @throws UserError where another daemon runs, a directory cannot be written, or the hypervisor cannot be reached
 */
export async function startHost(config: HostConfig, version: string, log: Logger): Promise<Host> {
  const clock = systemClock;
  const startedAt = clock.date();
  const host = hostname();
  await mkdir(config.state, { recursive: true, mode: 0o700 });
  await mkdir(config.run, { recursive: true, mode: 0o755 });
  const { journal, keptAside } = openJournal(config.state, new Date());
  if (keptAside !== undefined)
    log.error({ keptAside }, "the journal was corrupt; it is kept aside, and a new one begun");
  const servers: FastifyInstance[] = [];
  const timers: NodeJS.Timeout[] = [];
  const undo: (() => unknown)[] = [() => journal.close()];
  const stop = async () => {
    for (const timer of timers) clearInterval(timer);
    for (const server of servers) await server.close();
    for (const step of undo.toReversed()) await step();
  };
  try {
    const hypervisor = await openHypervisor(config.connect, { readOnly: config["read-only"] });
    undo.push(() => hypervisor.close());
    const { evidence: limits } = config;
    const evidence = new EvidenceStore(config.state, collectors, {
      keepForMs: limits["keep-for"],
      perGuestBytes: limits["per-guest"],
      inAllBytes: limits["in-all"],
    });
    const receivers = new Map(Object.entries(config.alerts));
    const sender = new AlertSender(journal, receivers, host, clock, log);
    undo.push(() => sender.stop());
    const channels = new GuestChannels(hypervisor, clock, (uuid, message) =>
      witness.tell(uuid, { type: "message", message }),
    );
    undo.push(() => channels.close());
    const consoles = new ConsoleTails(hypervisor, limits.consoles);
    undo.push(() => consoles.close());

    /** Guests that somebody has undefined, and when. */
    const deleted = new Map<string, number>();

    const tidy = async () => {
      try {
        for (const [uuid, at] of deleted) {
          if (clock.now() - at < DELETED_MS) continue;
          deleted.delete(uuid);
          await evidence.forget(uuid);
        }
        await evidence.tidy(clock.date());
        journal.forgetIncidents(clock.date() - limits["keep-for"]);
      } catch (error) {
        log.error(`what is old cannot be deleted: ${errorLine(error)}`);
      }
    };

    const takeEvidence = (incident: number, guest: Guest, sign: SignName) => {
      const said = channels.said(guest.uuid);
      const scene = { guest, hypervisor, now: clock.now(), said, console: consoles.tail(guest.uuid), logDir: LOG_DIR };
      evidence.take(incident, sign, scene).then(
        (missing) => {
          for (const what of missing) log.info({ incident }, `no evidence: ${what}`);
          if (evidence.isUntidy) void tidy();
        },
        (error: unknown) => log.error({ incident }, `evidence cannot be kept: ${errorLine(error)}`),
      );
    };
    const witness: Witness = new Witness({
      hypervisor,
      journal,
      clock,
      log,
      settings: settingsOf(config),
      // A journal that was begun anew counts on where the evidence of the old one ends.
      nextIncident: Math.max(journal.nextIncident, keptAside === undefined ? 0 : (await evidence.highest()) + 1),
      hostBoot: (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim(),
      receivers: [...receivers.keys()],
      recordFile: config.record,
      takeEvidence,
      guestGone: ({ uuid, name }, isDeleted) => {
        channels.forget(uuid);
        consoles.forget(uuid);
        metrics.forget(name);
        if (isDeleted) deleted.set(uuid, clock.now());
      },
      wakeAlerts: () => sender.wake(),
      lastLine: (uuid) => consoles.lastLine(uuid),
      onGuest: (guest) => {
        channels.follow(guest);
        consoles.follow(guest);
        deleted.delete(guest.uuid);
      },
      onStep: (input, effects) => metrics.step(input, effects),
    });
    undo.push(() => witness.stop());

    const status = (): StatusView => {
      const guests = witness.guests();
      return {
        version,
        host,
        hypervisor: hypervisor.title,
        isConnected: witness.isConnected,
        readOnly: config["read-only"],
        startedAt,
        guests: guests.length,
        running: guests.filter(({ state }) => state !== "shutoff").length,
        unprotected: guests.filter(isUnprotected).length,
        muted: guests.filter(({ mutedUntil }) => mutedUntil !== null).map(({ name }) => name),
        open: journal.openIncidents(),
        journalTrouble: witness.journalTrouble ?? null,
      };
    };
    const metrics = new Metrics(status);
    const api: ApiHost = {
      status,
      guests: () => witness.guests(),
      report: (since) =>
        reportView(host, since, clock.date(), journal.incidents({ since, limit: 100_000 }), witness.guests()),
      incidents: (filter) => journal.incidents(filter),
      incident: async (id) => {
        const incident = journal.incident(id);
        if (incident === undefined) return undefined;
        const files = incident.uuid === undefined ? [] : await evidence.files(incident.uuid, id);
        return { ...incident, evidence: files };
      },
      exportDirectory: async (id) => {
        const incident = journal.incident(id);
        if (incident === undefined) return undefined;
        const dir = await mkdtemp(join(tmpdir(), "bernard-export-"));
        if (incident.uuid !== undefined) {
          // What is taken away meanwhile is no part of it.
          await cp(evidence.directory(incident.uuid, id), dir, { recursive: true }).catch(() => {});
        }
        await writeFile(join(dir, SUMMARY), summary(host, incident));
        return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
      },
      mute: (nameOrUuid, until) => witness.mute(nameOrUuid, until),
      metrics: async () => ({ text: await metrics.text(), contentType: metrics.contentType }),
    };
    // A daemon that was killed may have left an incident without its evidence.
    const left = new Map(witness.open().map(({ incident }) => [incident.id, incident.signs]));
    await witness.start();
    for (const { guest, incident } of witness.open()) {
      const untaken = left.get(incident.id)?.filter(({ sign }) => !evidence.has(guest.uuid, incident.id, sign));
      for (const { sign } of untaken ?? []) takeEvidence(incident.id, guest, sign);
    }
    sender.wake();
    const server = await apiServer(api, version);
    servers.push(server);
    await listenAt(server, join(config.run, SOCKET));
    timers.push(setInterval(tidy, TIDY_MS));
    if (config.metrics !== undefined) servers.push(await metricsServer(api, config.metrics));
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function settingsOf({ judge }: HostConfig): Settings {
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
