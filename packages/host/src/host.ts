/** `bernard host`: the daemon put together, from its configuration to its end. */
import { mkdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { openHypervisor } from "@bernard/hypervisor";
import type { Logger } from "pino";
import { AlertSender } from "./alerts/alert-sender.ts";
import { answers } from "./answers.ts";
import { apiServer, listenAt, metricsServer } from "./api/server.ts";
import { type HostConfig, settingsOf } from "./config-schema.ts";
import { systemClock } from "./daemon/clock.ts";
import { ConsoleTails } from "./daemon/console-tails.ts";
import { GuestChannels } from "./daemon/guest-channels.ts";
import { Witness } from "./daemon/witness.ts";
import { collectors } from "./evidence/collectors/index.ts";
import { EvidenceKeeper } from "./evidence/evidence-keeper.ts";
import { EvidenceStore } from "./evidence/evidence-store.ts";
import { openJournal } from "./journal/open-journal.ts";
import { Metrics } from "./metrics.ts";

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
  const undo: (() => unknown)[] = [() => journal.close()];
  const stop = async () => {
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
    const keeper = new EvidenceKeeper({
      ...{ store: evidence, journal, clock, log, keepForMs: limits["keep-for"] },
      sceneOf: (guest) => ({
        ...{ guest, hypervisor, now: clock.now(), said: channels.said(guest.uuid) },
        ...{ console: consoles.tail(guest.uuid), logDir: LOG_DIR },
      }),
    });
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
      takeEvidence: (incident, guest, sign) => keeper.take(incident, guest, sign),
      guestGone: ({ uuid, name }, isDeleted) => {
        channels.forget(uuid);
        consoles.forget(uuid);
        metrics.forget(name);
        if (isDeleted) keeper.guestDeleted(uuid);
      },
      wakeAlerts: () => sender.wake(),
      lastLine: (uuid) => consoles.lastLine(uuid),
      onGuest: (guest) => {
        channels.follow(guest);
        consoles.follow(guest);
        keeper.guestThere(guest.uuid);
      },
      onStep: (input, effects) => metrics.step(input, effects),
    });
    undo.push(() => witness.stop());

    const metrics = new Metrics(
      () => api.status(),
      () => api.guests(),
    );
    const api = answers({
      ...{ version, host, state: config.state, startedAt, hypervisor: hypervisor.title, readOnly: config["read-only"] },
      ...{ clock, journal, evidence, metrics, witness },
    });
    // A daemon that was killed may have left an incident without its evidence.
    const left = new Map(witness.open().map(({ incident }) => [incident.id, incident.signs]));
    await witness.start();
    for (const { guest, incident } of witness.open()) {
      const untaken = left.get(incident.id)?.filter(({ sign }) => !evidence.has(guest.uuid, incident.id, sign));
      for (const { sign } of untaken ?? []) keeper.take(incident.id, guest, sign);
    }
    sender.wake();
    const server = await apiServer(api, version);
    undo.push(() => server.close());
    await listenAt(server, join(config.run, SOCKET));
    keeper.start();
    undo.push(() => keeper.stop());
    if (config.metrics !== undefined) {
      const open = await metricsServer(api, config.metrics);
      undo.push(() => open.close());
    }
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
