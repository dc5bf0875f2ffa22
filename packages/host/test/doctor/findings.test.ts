/** Each finding: the facts that raise it, and the near-miss that does not. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { Hardware } from "@bernard/hypervisor";
import { root } from "@bernard/tools";
import { diagnose, isWell } from "../../src/doctor/diagnose.ts";
import type { Facts, Inside } from "../../src/doctor/facts.ts";
import { feeder } from "../../src/doctor/feeder.ts";
import type { Severity } from "../../src/doctor/finding.ts";
import { rules } from "../../src/doctor/findings/index.ts";

const BERNARD = { name: "org.bernard.guest.0", open: true };
const AGENT = { name: "org.qemu.guest_agent.0", open: true };

const HARDWARE: Hardware = {
  architecture: "x86_64",
  machine: "pc-i440fx-7.2",
  watchdogs: [{ model: "i6300esb", origin: "declared" }],
  action: "reset",
  channels: [BERNARD],
  consoleLogged: true,
  os: undefined,
  owner: undefined,
};

const INSIDE: Inside = {
  kernel: "6.1.0-28-amd64",
  system: "debian 12",
  devices: [{ identity: "i6300ESB timer", active: true, timeoutS: 30 }],
  crashKernel: false,
};

interface Change {
  readonly guest?: Partial<Facts["guest"]>;
  readonly hardware?: Partial<Hardware> | Error;
  /** What differs from `hardware` at the next start; null: nobody keeps a definition. */
  readonly nextStart?: Partial<Hardware> | null;
  readonly inside?: Partial<Inside>;
  readonly libvirt?: string;
  readonly heard?: Facts["heard"];
  readonly fireMark?: boolean;
}

/** A well guest, changed. */
function facts({ guest, hardware, nextStart, inside, libvirt, heard, fireMark }: Change): Facts {
  const now = hardware instanceof Error ? hardware : { ...HARDWARE, ...hardware };
  return {
    guest: {
      uuid: "6f5a9c1e-0000-4000-8000-000000000001",
      name: "web",
      run: "1",
      state: "running",
      reason: "booted",
      ...guest,
    },
    hardware: now,
    nextStart: nextStart === null || now instanceof Error ? undefined : { ...now, ...nextStart },
    libvirt: libvirt ?? "11.3.0",
    heard: heard ?? { state: "beat", feeds: 7 },
    inside: inside === undefined ? undefined : { ...INSIDE, ...inside },
    fireMark,
  };
}

interface Row {
  readonly id: string;
  readonly severity: Severity;
  readonly raises: Change;
  /** Must be in the text: what is so, then the cure. */
  readonly says: readonly [RegExp, RegExp];
  readonly nearMisses: readonly Change[];
}

const unheard = { state: "closed" } as const;
const itco = { model: "itco", origin: "implicit" } as const;
const ib700 = { model: "ib700", origin: "declared" } as const;
const wdat = { model: "wdat", origin: "outside" } as const;
const none = { watchdogs: [], action: undefined };
const CLOUD = { kernel: "6.1.0-28-cloud-amd64", devices: [] } as const;
const Q35 = { machine: "pc-q35-7.2" } as const;

const rows: readonly Row[] = [
  {
    id: "no-answer",
    severity: "problem",
    raises: { hardware: new Error("no reply within 5 s") },
    says: [/no reply within 5 s/, /storage/],
    nearMisses: [{}],
  },
  {
    id: "fired-and-paused",
    severity: "problem",
    raises: { guest: { state: "paused", reason: "watchdog" } },
    says: [/has fired and paused it/, /virsh reset web, then virsh resume web/],
    nearMisses: [{ guest: { state: "paused", reason: "user" } }, { guest: { state: "running", reason: "watchdog" } }],
  },
  {
    id: "storage-paused",
    severity: "problem",
    raises: { guest: { state: "paused", reason: "ioerror" } },
    says: [/storage error/, /virsh resume web/],
    nearMisses: [{ guest: { state: "paused", reason: "watchdog" } }],
  },
  {
    id: "no-device",
    severity: "problem",
    raises: { hardware: none },
    says: [/no watchdog device/, /^bernard protect web$/],
    nearMisses: [{ hardware: { watchdogs: [itco] } }, { hardware: none, nextStart: HARDWARE }],
  },
  {
    id: "no-device",
    severity: "problem",
    raises: { hardware: { ...none, machine: "pc-q35-7.2" }, libvirt: "9.0.0" },
    says: [/own itco does nothing under libvirt 9\.0\.0/, /bernard protect web/],
    nearMisses: [],
  },
  {
    id: "no-driver",
    severity: "problem",
    raises: { heard: unheard, inside: { kernel: "6.1.0-28-cloud-amd64", devices: [] } },
    says: [/Debian's cloud kernel 6\.1\) has no driver for i6300esb/, /another kernel/],
    nearMisses: [
      { heard: unheard, inside: {} },
      { inside: { devices: [] } }, // bernard-guest feeds: its own word weighs more
      { heard: unheard, inside: { kernel: "6.12.9+bpo-cloud-amd64", devices: undefined } },
      { guest: { state: "shutoff" }, heard: { state: "unasked" }, inside: { devices: [] } },
    ],
  },
  {
    id: "no-device",
    severity: "problem",
    raises: { hardware: { ...none, ...Q35, os: "http://microsoft.com/win/2k22" } },
    says: [/no watchdog device/, /^bernard protect web --model wdat, which nobody has seen there yet$/],
    nearMisses: [],
  },
  {
    id: "no-driver",
    severity: "problem",
    raises: { heard: unheard, hardware: Q35, inside: CLOUD },
    says: [/has no driver for i6300esb/, /^bernard protect web --model wdat: its kernel has a driver for that$/],
    nearMisses: [
      {
        heard: unheard,
        hardware: { ...Q35, watchdogs: [...HARDWARE.watchdogs, wdat] },
        inside: { ...CLOUD, devices: undefined },
      },
    ],
  },
  {
    id: "no-driver",
    severity: "problem",
    raises: { heard: unheard, hardware: Q35, inside: { devices: [] } },
    says: [/drives no watchdog device/, /without that module, bernard protect web --model wdat if it has wdat_wdt$/],
    nearMisses: [],
  },
  {
    id: "no-driver",
    severity: "problem",
    raises: {
      heard: unheard,
      hardware: { ...Q35, watchdogs: [...HARDWARE.watchdogs, wdat] },
      inside: { devices: [] },
    },
    says: [/while it has i6300esb and wdat/, /modprobe wdat_wdt, and name it in .* blacklist$/],
    nearMisses: [],
  },
  {
    id: "no-driver",
    severity: "problem",
    raises: { heard: unheard, hardware: Q35, inside: { system: "amzn 2023", devices: [] } },
    says: [/Amazon Linux 2023\) has no driver/, /^install another kernel/],
    nearMisses: [],
  },
  {
    id: "acpi-table",
    severity: "note",
    raises: { hardware: { ...Q35, watchdogs: [...HARDWARE.watchdogs, wdat] } },
    says: [/ACPI table \(WDAT\).*PMBASE 0x600/, /tells wdat_wdt/],
    nearMisses: [{ hardware: { ...Q35, watchdogs: [itco] } }],
  },
  {
    id: "no-driver",
    severity: "problem",
    raises: {
      heard: unheard,
      hardware: { watchdogs: [ib700] },
      inside: { kernel: "6.12.9+bpo-cloud-amd64", devices: undefined },
    },
    says: [/Debian's cloud kernel\) has no driver for ib700/, /6\.12/],
    nearMisses: [{ heard: unheard, hardware: { watchdogs: [ib700] }, inside: { devices: undefined } }],
  },
  {
    id: "no-driver",
    severity: "problem",
    raises: { heard: unheard, inside: { system: "amzn 2023", kernel: "6.1.119-129.201.amzn2023.x86_64", devices: [] } },
    says: [/Amazon Linux 2023\) has no driver/, /another kernel/],
    nearMisses: [{ heard: unheard, inside: { system: "amzn 2", devices: undefined } }],
  },
  {
    id: "no-driver",
    severity: "problem",
    raises: { heard: unheard, hardware: { watchdogs: [ib700] }, inside: { devices: [] } },
    says: [/drives no watchdog device, while it has ib700/, /modprobe ib700wdt/],
    nearMisses: [{ heard: unheard, hardware: none, inside: { devices: [] } }],
  },
  {
    id: "unfed",
    severity: "problem",
    raises: { heard: { state: "beat", feeds: 0 } },
    says: [/bernard-guest runs in it and feeds no device/, /bernard-guest --check/],
    nearMisses: [{ heard: { state: "beat", feeds: 1 } }],
  },
  {
    id: "unfed",
    severity: "problem",
    raises: {
      heard: unheard,
      hardware: { channels: [{ ...BERNARD, open: false }] },
      inside: { devices: [{ identity: "i6300ESB timer", active: false, timeoutS: 30 }] },
    },
    says: [/nobody in the guest feeds it/, /install bernard-guest/],
    nearMisses: [
      { heard: unheard, hardware: { channels: [{ ...BERNARD, open: false }] }, inside: {} },
      { heard: { state: "taken" }, inside: { devices: [{ identity: "i6300ESB timer", active: false, timeoutS: 30 }] } },
      { guest: { state: "shutoff" }, heard: { state: "unasked" } },
    ],
  },
  {
    id: "silent-feeder",
    severity: "problem",
    raises: { heard: { state: "silent" } },
    says: [/open and is silent/, /systemctl status bernard-guest/],
    nearMisses: [{ heard: { state: "taken" } }, { heard: unheard }],
  },
  {
    id: "feeder-unknown",
    severity: "warning",
    raises: { heard: { state: "unasked" }, hardware: { channels: [] } },
    says: [/i6300esb, and nobody tells whether it is fed/, /with its channel from bernard protect web$/],
    nearMisses: [
      { heard: { state: "unasked" }, hardware: { channels: [AGENT] }, inside: {} },
      { heard: { state: "unasked" }, hardware: { ...none, channels: [] } },
      { heard: { state: "unasked" }, hardware: { channels: [] }, guest: { state: "shutoff" } },
    ],
  },
  {
    id: "feeder-unknown",
    severity: "warning",
    raises: { heard: { state: "unasked" }, hardware: { channels: [AGENT] }, inside: { devices: undefined } },
    says: [/nobody tells/, /guest-file-open/],
    nearMisses: [],
  },
  {
    id: "feeder-unknown",
    severity: "warning",
    raises: { heard: { state: "forbidden" } },
    says: [/this connection may not listen/, /may write/],
    nearMisses: [{ heard: { state: "taken" } }],
  },
  {
    id: "dead-device",
    severity: "problem",
    raises: { heard: { state: "taken" }, hardware: { action: "none" }, fireMark: true },
    says: [/dead since/, /virsh reset web/],
    nearMisses: [{ fireMark: false }, {}],
  },
  {
    id: "dead-device",
    severity: "note",
    raises: { hardware: { action: "none" }, fireMark: true },
    says: [/bernard-guest feeds it again/, /bernard-guest last/],
    nearMisses: [],
  },
  {
    id: "dump-resumes",
    severity: "problem",
    raises: { hardware: { action: "dump" } },
    says: [/as hung as before/, /--action reset/],
    nearMisses: [{ hardware: { action: "pause" } }],
  },
  {
    id: "pause-unanswered",
    severity: "problem",
    raises: { hardware: { action: "pause" } },
    says: [/there is no host daemon/, /--action reset/],
    nearMisses: [{ hardware: { action: "pause" }, heard: { state: "taken" } }, { heard: unheard }],
  },
  {
    id: "pause-unanswered",
    severity: "problem",
    raises: { guest: { state: "shutoff" }, hardware: { action: "pause" }, heard: { state: "unasked" } },
    says: [/nothing tells of a host daemon/, /--action reset/],
    nearMisses: [],
  },
  {
    id: "weak-action",
    severity: "problem",
    raises: { hardware: { action: "none" } },
    says: [/nothing is done.* i6300esb is dead after that/, /--action reset/],
    nearMisses: [{}, { hardware: { action: "poweroff" } }],
  },
  {
    id: "weak-action",
    severity: "warning",
    raises: { hardware: { action: "inject-nmi" } },
    says: [/NMI/, /--action reset/],
    nearMisses: [],
  },
  {
    id: "weak-action",
    severity: "warning",
    raises: { hardware: { action: "shutdown", watchdogs: [ib700] } },
    says: [/is pressed, which a hung guest does not obey$/, /--action reset/],
    nearMisses: [],
  },
  {
    id: "stays-off",
    severity: "warning",
    raises: { hardware: { action: "poweroff" } },
    says: [/does not start it again/, /--action reset/],
    nearMisses: [{ hardware: { action: "shutdown" } }],
  },
  {
    id: "crashes-libvirt",
    severity: "problem",
    raises: { libvirt: "9.0.0", hardware: { watchdogs: [{ model: "ib700", origin: "outside" }], action: undefined } },
    says: [/^libvirt 9\.0\.0 does not know of its ib700/, /bernard protect web/],
    nearMisses: [
      { libvirt: "9.1.0", hardware: { watchdogs: [{ model: "ib700", origin: "outside" }], action: undefined } },
      { libvirt: "9.0.0", hardware: { watchdogs: [{ model: "ib700", origin: "outside" }, ...HARDWARE.watchdogs] } },
      { libvirt: "9.0.0" },
    ],
  },
  {
    id: "several-watchdogs",
    severity: "warning",
    raises: { hardware: { watchdogs: [...HARDWARE.watchdogs, ib700] } },
    says: [/i6300esb and ib700, with one action for all/, /bernard unprotect web/],
    nearMisses: [
      { hardware: { watchdogs: [itco, ...HARDWARE.watchdogs] } },
      { hardware: { watchdogs: [wdat, ...HARDWARE.watchdogs] } },
    ],
  },
  {
    id: "unknown-action",
    severity: "warning",
    raises: { hardware: { action: undefined } },
    says: [/what is done when its i6300esb fires/, /-action watchdog=reset/],
    nearMisses: [{}, { hardware: none }],
  },
  {
    id: "next-start-differs",
    severity: "problem",
    raises: { hardware: none, nextStart: HARDWARE },
    says: [/before its next power cycle; then it gets i6300esb/, /virsh shutdown web, then virsh start web/],
    nearMisses: [{}, { nextStart: null }],
  },
  {
    id: "next-start-differs",
    severity: "problem",
    raises: { nextStart: none },
    says: [/i6300esb is gone after/, /^bernard protect web$/],
    nearMisses: [],
  },
  {
    id: "next-start-differs",
    severity: "warning",
    raises: { hardware: { action: "poweroff" }, nextStart: HARDWARE },
    says: [/i6300esb and poweroff, and starts next with i6300esb and reset/, /virsh start web/],
    nearMisses: [],
  },
  {
    id: "short-for-crash-dump",
    severity: "note",
    raises: { inside: { crashKernel: true } },
    says: [/30 s after a crash/, /180 s/],
    nearMisses: [
      { inside: { crashKernel: false } },
      { inside: { crashKernel: true, devices: [{ identity: "i6300ESB timer", active: true, timeoutS: 180 }] } },
    ],
  },
  {
    id: "owned",
    severity: "note",
    raises: { hardware: { owner: { name: "nova", mark: "its XML has metadata of nova's" } } },
    says: [/nova owns it \(its XML has metadata of nova's\)/, /hw:watchdog_action/],
    nearMisses: [{}],
  },
  {
    id: "no-channel",
    severity: "note",
    raises: { heard: { state: "unasked" }, hardware: { channels: [AGENT] }, inside: {} },
    says: [/org\.bernard\.guest\.0/, /bernard protect web adds it/],
    nearMisses: [{}, { hardware: { ...none, channels: [] } }],
  },
  {
    id: "console-not-logged",
    severity: "note",
    raises: { hardware: { consoleLogged: false } },
    says: [/serial console/, /<log file/],
    nearMisses: [{ hardware: { consoleLogged: undefined } }],
  },
];

test("a well guest has no finding", () => {
  assert.deepEqual(diagnose(facts({})), []);
});

suite("finding", () => {
  for (const { id, severity, raises, says, nearMisses } of rows) {
    test(`${id}, a ${severity}: ${says[0].source}`, () => {
      const found = diagnose(facts(raises)).find((finding) => finding.id === id);
      assert.equal(found?.severity, severity);
      assert.match(found.what, says[0]);
      assert.match(found.cure, says[1]);
      assert.equal(isWell([found]), severity === "note");
      for (const nearMiss of nearMisses) {
        const ids = diagnose(facts(nearMiss)).map((finding) => finding.id);
        assert.ok(!ids.includes(id), `${id} of ${JSON.stringify(nearMiss)}`);
      }
    });
  }
});

test("a channel that was still open when bernard-guest said goodbye is no feeder", () => {
  assert.equal(feeder(facts({ heard: { state: "closed" } })), "unknown");
});

test("every rule has a row with a near-miss", () => {
  const told = new Set(rows.filter(({ nearMisses }) => nearMisses.length > 0).map(({ id }) => id));
  assert.deepEqual(
    rules.map(({ id }) => id).filter((id) => !told.has(id)),
    [],
  );
});

test("every rule is in the page's table, in the order of findings", async () => {
  const page = await readFile(join(root, "docs/host/doctor.md"), "utf8");
  const shown = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id);
  assert.deepEqual(
    shown,
    rules.map(({ id }) => id),
  );
});

test("the gravest finding comes first, and every one is one line", () => {
  for (const { raises } of rows) {
    const findings = diagnose(facts(raises));
    const severities = findings.map(({ severity }) => severity);
    assert.deepEqual(
      severities,
      severities.toSorted((one, other) => "pwn".indexOf(one[0]!) - "pwn".indexOf(other[0]!)),
    );
    for (const { what, cure } of findings) assert.doesNotMatch(what + cure, /\n|\.$|undefined/);
  }
});

test("a cure that is copied into a shell names a guest of a strange name by its UUID", () => {
  const [found] = diagnose(facts({ guest: { name: "a; reboot $(b)" }, hardware: none }));
  assert.equal(found?.cure, "bernard protect 6f5a9c1e-0000-4000-8000-000000000001");
});
