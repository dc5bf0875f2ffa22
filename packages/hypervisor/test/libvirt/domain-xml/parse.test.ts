/** What is read out of a domain's XML, and that bad XML is an error and never a hang. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFailure } from "../../../src/errors.ts";
import type { Hardware } from "../../../src/hypervisor.ts";
import { parseDomain } from "../../../src/libvirt/domain-xml/parse.ts";

interface Parts {
  readonly machine?: string;
  readonly arch?: string;
  readonly devices?: string;
  readonly metadata?: string;
  /** Behind `</devices>`. */
  readonly rest?: string;
  readonly namespaces?: string;
}

const xml = ({ machine, arch, devices = "", metadata = "", rest = "", namespaces = "" }: Parts) =>
  `<domain type='kvm' id='7'${namespaces}>
  <name>a</name>
  <metadata>${metadata}</metadata>
  <os><type arch='${arch ?? "x86_64"}' machine='${machine ?? "pc-i440fx-7.2"}'>hvm</type></os>
  <devices>
    ${devices}
  </devices>
  ${rest}
</domain>`;

const hardware = (parts: Parts): Hardware => parseDomain(xml(parts)).hardware;

/** Arguments for QEMU itself, under whatever prefix. */
const args = (...values: string[]): Parts => ({
  namespaces: " xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'",
  rest: `<q:commandline>${values.map((value) => `<q:arg value='${value}'/>`).join("")}</q:commandline>`,
});

const ITCO = "<watchdog model='itco' action='reset'/>";

const WATCHDOGS: readonly (readonly [string, Parts, readonly string[], Hardware["action"]])[] = [
  ["none", {}, [], undefined],
  ["one", { devices: "<watchdog model='ib700' action='poweroff'/>" }, ["ib700 declared"], "poweroff"],
  ["without an action it is reset", { devices: '<watchdog model="ib700"/>' }, ["ib700 declared"], "reset"],
  ["an action that nobody knows", { devices: "<watchdog model='new' action='sing'/>" }, ["new declared"], undefined],
  ["q35 since libvirt 9.1", { machine: "pc-q35-8.2", devices: ITCO }, ["itco implicit"], "reset"],
  [
    "q35 with one more",
    { machine: "q35", devices: `<watchdog model='i6300esb' action='none'/>${ITCO.replace("reset", "none")}` },
    ["i6300esb declared", "itco implicit"],
    "none",
  ],
  ["q35 before libvirt 9.1, whose strap holds its TCO", { machine: "pc-q35-7.2" }, [], undefined],
  ["q35 before libvirt 9.1, on a QEMU without the strap", { machine: "pc-q35-8.0" }, ["itco outside"], "reset"],
  [
    "a strap taken off by hand",
    { ...args("-global", "ICH9-LPC.noreboot=off"), machine: "pc-q35-7.2" },
    ["itco outside"],
    "reset",
  ],
  ["a strap put on by hand", { ...args("-global", "ICH9-LPC.noreboot=on"), machine: "pc-q35-8.0" }, [], undefined],
  ["a strap means nothing elsewhere", args("-global", "ICH9-LPC.noreboot=off"), [], undefined],
  ["arm64", { arch: "aarch64", machine: "virt-7.2" }, [], undefined],
  ["behind libvirt's back", args("-device", "i6300esb"), ["i6300esb outside"], "reset"],
  ["the same with its address", args("--device", "ib700,id=wd"), ["ib700 outside"], "reset"],
  ["the same in the long form", args("-device", "driver=i6300esb,addr=5"), ["i6300esb outside"], "reset"],
  ["the same as JSON", args("-device", '{"driver":"i6300esb","id":"wd"}'), ["i6300esb outside"], "reset"],
  ["as old QEMUs took it", args("-watchdog", "i6300esb"), ["i6300esb outside"], "reset"],
  ["another device", args("-device", "e1000", "-device", '{"driver":'), [], undefined],
  [
    "an action behind libvirt's back is the last word",
    {
      ...args("-device", "ib700", "-watchdog-action", "none", "-action", "panic=pause,watchdog=pause"),
      devices: "<watchdog model='i6300esb' action='reset'/>",
    },
    ["i6300esb declared", "ib700 outside"],
    "pause",
  ],
  [
    "the name alone is not libvirt's namespace",
    { rest: args("-device", "ib700").rest!, namespaces: " xmlns:q='urn:other'" },
    [],
    undefined,
  ],
  ["in a comment", { devices: "<!-- <watchdog model='ib700' action='reset'/> -->" }, [], undefined],
  ["in CDATA", { metadata: "<m xmlns='urn:m'><![CDATA[</metadata><watchdog model='ib700'/>]]></m>" }, [], undefined],
  ["in metadata", { metadata: "<devices xmlns='urn:m'><watchdog model='ib700'/></devices>" }, [], undefined],
  ["in another device", { devices: "<disk><watchdog model='ib700'/></disk>" }, [], undefined],
];

for (const [what, parts, watchdogs, action] of WATCHDOGS) {
  test(`watchdogs: ${what}`, () => {
    const found = hardware(parts);
    assert.deepEqual(
      found.watchdogs.map(({ model, origin }) => `${model} ${origin}`),
      watchdogs,
    );
    assert.equal(found.action, action);
  });
}

const OWNERS: readonly (readonly [string, string | undefined])[] = [
  ["<nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'/>", "nova"],
  ["<x:instance xmlns:x='http://openstack.org/xmlns/libvirt/nova/1.0'/>", "nova"],
  ["<ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'/>", "ovirt"],
  ["<kubevirt xmlns='http://kubevirt.io'><uid/></kubevirt>", "kubevirt"],
  ["<instance>http://kubevirt.io</instance>", undefined],
  ["<!-- <kubevirt xmlns='http://kubevirt.io'/> -->", undefined],
  ["<a xmlns='urn:a'><kubevirt xmlns='http://kubevirt.io'/></a>", undefined],
];

test("an owner is known by the namespace of its metadata", () => {
  for (const [metadata, name] of OWNERS) assert.equal(hardware({ metadata }).owner?.name, name, metadata);
  assert.deepEqual(hardware({ metadata: OWNERS[0]![0] }).owner, {
    name: "nova",
    mark: "its XML has metadata of http://openstack.org/xmlns/libvirt/nova/1.1",
  });
});

test("the machine, the channels and the guest's system", () => {
  const found = hardware({
    machine: "virt-7.2",
    arch: "aarch64",
    devices: `<channel type='unix'><target type='virtio' name='a &amp; b' state='connected'/></channel>
      <channel type="unix"><target type="virtio" name="closed" state="disconnected"/></channel>
      <channel type='unix'><target type='virtio' name='${"x".repeat(220)}'/></channel>
      <channel type='pty'><target type='guestfwd' address='10.0.2.1' port='4600'/></channel>`,
    metadata: `<l:libosinfo xmlns:l='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
      <l:os id='http://debian.org/debian/12'/></l:libosinfo>`,
  });
  assert.deepEqual(found, {
    architecture: "aarch64",
    machine: "virt-7.2",
    watchdogs: [],
    action: undefined,
    channels: [
      { name: "a & b", open: true },
      { name: "closed", open: false },
      { name: "x".repeat(220), open: undefined },
    ],
    consoleLogged: false,
    os: "http://debian.org/debian/12",
    owner: undefined,
  } satisfies Hardware);
});

test("a serial port is logged into a file of its own, or beside whoever has it", () => {
  const log = "<log file='/a' append='on'/>";
  for (const [devices, logged] of [
    ["", false],
    ["<serial type='pty'/>", false],
    ["<serial type='file'><source path='/a'/></serial>", true],
    [`<serial type='pty'>${log}</serial>`, true],
    [`<serial type='pty'/><serial type='pty'>${log}</serial>`, false],
    [`<console type='pty'>${log}</console>`, true],
  ] as const) {
    assert.equal(hardware({ devices }).consoleLogged, logged, devices);
  }
});

test("offsets are places in the source, whatever stands before them", () => {
  const source = xml({
    devices: "<!-- 🙂 -->\r\n<watchdog\n model='ib700'/>",
    metadata: "<a xmlns='ü'>🙂&#x1f642;</a>",
  });
  const { watchdogs, devices } = parseDomain(source);
  assert.equal(source.slice(watchdogs[0]!.start, watchdogs[0]!.end), "<watchdog\n model='ib700'/>");
  assert.ok(source.slice(devices.start, devices.end).startsWith("<devices>\n"));
});

test("names are read with entities, other alphabets and 220 characters", () => {
  for (const [written, name] of [
    ["a&amp;b &lt;c&gt; &quot;d&quot; &#x1f642;", 'a&b <c> "d" 🙂'],
    ["größer", "größer"],
    ["<![CDATA[<&]]>", "<&"],
    ["x".repeat(220), "x".repeat(220)],
  ] as const) {
    assert.equal(parseDomain(xml({}).replace(">a<", `>${written}<`)).name, name);
  }
});

const LONG = 4 * 1024 * 1024;
const filled = (text: string) => {
  const [head, tail] = xml({ metadata: "@" }).split("@") as [string, string];
  return head + text.repeat(Math.floor((LONG - head.length - tail.length) / text.length)) + tail;
};

const BAD: readonly (readonly [string, string, RegExp])[] = [
  ["nothing", "", /Root element is missing/],
  ["no XML", "error: no domain", /Root element is missing/],
  ["another root", "<network/>", /its root is <network>/],
  ["no devices", "<domain><name>a</name></domain>", /no <devices>/],
  ["devices without an end tag", "<domain><devices/></domain>", /no <devices>/],
  ["cut off", xml({}).slice(0, -20), /end tag/],
  ["an entity that nobody defines", xml({ metadata: "&secret;" }), /isn't defined: &secret;/],
  [
    "entities of entities",
    `<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>${xml({ metadata: "&b;" })}`,
    /isn't defined: &b;/,
  ],
  ["a control character", xml({ metadata: "\u0001" }), /Invalid character/],
  ["half a pair of surrogates", xml({ metadata: "\ud800" }), /Invalid character/],
  ["longer than libvirt sends", filled("x").replace("<metadata>", "<metadata> "), /longer than 4194304/],
  ["nested without end", filled("<a>"), /nested too deep/],
  ["a comment without end", xml({ metadata: `<!--${"-".repeat(1_000_000)}` }), /comment/],
];

for (const [what, source, problem] of BAD) {
  test(`bad XML: ${what}`, () => {
    assert.throws(
      () => parseDomain(source),
      (error) => isFailure(error, "failed") && problem.test(error.message) && !error.message.includes("\n"),
    );
  });
}

test("XML with any damage is read, or is an error of ours", () => {
  const whole = xml({
    devices:
      "<!-- 🙂 --><watchdog model='ib700'/><channel type='unix'><target type='virtio' name='&lt;a&gt;'/></channel>",
    metadata: "<k xmlns='http://kubevirt.io'><![CDATA[x]]></k>",
    ...args("-device", '{"driver":"i6300esb"}'),
  });
  const damage = fc.record({
    at: fc.nat(whole.length),
    gone: fc.nat(12),
    put: fc.oneof(
      fc.constantFrom("<", ">", "'", '"', "&", "&#", "]]>", "<!--", "<![CDATA[", "\r", "\ud83d"),
      fc.string(),
    ),
  });
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (damages) => {
      let source = whole;
      for (const { at, gone, put } of damages) source = source.slice(0, at) + put + source.slice(at + gone);
      try {
        parseDomain(source);
      } catch (error) {
        assert.ok(isFailure(error, "failed"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("4 MiB of anything is read at once", { timeout: 60_000 }, () => {
  for (const text of [
    "x",
    "\r",
    "\r\n",
    "&amp;",
    "🙂&lt;",
    "<!---->",
    "<![CDATA[<]]>",
    "<a/>",
    "<?a?>",
    "<a b='&#10;'/>",
  ]) {
    assert.equal(parseDomain(filled(text)).name, "a", text);
  }
});
