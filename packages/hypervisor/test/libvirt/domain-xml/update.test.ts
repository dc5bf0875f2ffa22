/** Edits of a domain's XML: nothing outside them changes, and libvirt's own schema takes the result. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { chooseWatchdog, WATCHDOG_ACTIONS } from "@bernard/policy";
import { ensureInstalled } from "@bernard/tools";
import fc from "fast-check";
import { RelaxNGValidator, XmlDocument } from "libxml2-wasm";
import { xmlRegisterFsInputProviders } from "libxml2-wasm/lib/nodejs.mjs";
import { parseDomain } from "../../../src/libvirt/domain-xml/parse.ts";
import { protectedXml, unprotectedXml } from "../../../src/libvirt/domain-xml/update.ts";
import { daemonPackages } from "../daemon.ts";

const SCHEMA = "/usr/share/libvirt/schemas/domain.rng";

let validator: RelaxNGValidator;
before(async () => {
  await ensureInstalled(daemonPackages, (line) => console.error(line));
  xmlRegisterFsInputProviders();
  validator = RelaxNGValidator.fromDoc(XmlDocument.fromBuffer(readFileSync(SCHEMA), { url: SCHEMA }));
});

function validate(xml: string): void {
  using document = XmlDocument.fromString(xml);
  validator.validate(document);
}

const protection = { model: "i6300esb", action: "reset", replaces: [] } as const;

const COMMAND_LINE = `<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
    <qemu:arg value='-acpitable'/><qemu:arg value='sig=SLIC,file=/a/slic.dat'/>
    <qemu:env name='A' value='b'/>
  </qemu:commandline>
`;

/** What stands between devices, or instead of one. */
const noise = fc.constantFrom(
  "",
  "<!-- <watchdog model='ib700' action='none'/> -->",
  "<!-- 🙂 größer -->",
  "<?keep this?>",
  '<!--\t"quotes"-->',
);

const device = fc.constantFrom(
  "<emulator>/usr/bin/qemu-system-x86_64</emulator>",
  "<emulator><![CDATA[/usr/bin/a<watchdog/>]]></emulator>",
  "<memballoon model='virtio'/>",
  "<controller type='usb' model='none'  />",
  "<disk type='file' device='disk'>\n      <source file='/a &amp; b/&#x1f642;.img'/>\n      <target dev='vda' bus='virtio'/>\n    </disk>",
  "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
  `<channel type='unix'><target type='virtio' name='${"x".repeat(220)}'/></channel>`,
  "<serial type='pty'\n >\n<target port='0'/></serial>",
);

const domain = fc
  .record({
    devices: fc.uniqueArray(fc.tuple(device, noise), {
      minLength: 1,
      maxLength: 6,
      selector: ([each]) => (each.startsWith("<emulator>") ? "emulator" : each), // libvirt takes one
    }),
    gap: fc.constantFrom("\n    ", "\n\t\t", "\r\n  ", "", " ", "\n\n    "),
    doubleQuotes: fc.boolean(),
    name: fc.constantFrom("a", "größer-🙂", "a&amp;b", "x".repeat(220)),
    title: fc.constantFrom("", "<title>&lt;devices&gt; &quot;</title>", "<title><![CDATA[</domain>]]></title>"),
    metadata: fc.constantFrom(
      "",
      "<metadata><m:m xmlns:m='urn:m'><m:devices><watchdog model='none'/></m:devices></m:m></metadata>",
    ),
  })
  .map(({ devices, gap, doubleQuotes, name, title, metadata }) => {
    const xml = `<domain type='kvm'>
  <name>${name}</name>${title}${metadata}
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>${devices.map(([each, between]) => `${between}${gap}${each}`).join("")}${gap}</devices>
</domain>`;
    return doubleQuotes ? xml.replaceAll("'", '"') : xml;
  });

test("protected and unprotected again, a domain has the bytes that it had", () => {
  fc.assert(
    fc.property(domain, (source) => {
      const { xml } = protectedXml(parseDomain(source), protection);
      validate(xml);
      assert.equal(unprotectedXml(parseDomain(xml)).xml, source);
    }),
    { numRuns: 300 },
  );
});

test("given the ACPI table and rid of it again, a domain has the bytes that it had, by either road", () => {
  const path = fc.constantFrom("/usr/share/qemu/bernard/q35.wdat", `/home/a & "b", 'c' <d>/bernard/q35.wdat`);
  const by = fc.constantFrom("acpi", "qemu:commandline");
  const os = fc.constantFrom(
    "",
    "<acpi><table type='slic'>/a/slic.dat</table></acpi>",
    "\n    <kernel>/k</kernel>\n  ",
  );
  const end = fc.constantFrom("", COMMAND_LINE, COMMAND_LINE.replaceAll("qemu:", "q:").replaceAll(":qemu", ":q"));
  fc.assert(
    fc.property(domain, path, by, os, end, (plain, path, by, os, end) => {
      // A libvirt that takes tables has q35's timer in the XML of each such guest.
      const known = by === "acpi" ? "<watchdog model='itco' action='reset'/>" : "";
      const source = plain
        .replace(/machine=.pc./, "machine='q35'")
        .replace("</os>", `${os}</os>`)
        .replace("<devices>", (start) => `${start}${known}`)
        .replace(/<\/domain>$/, () => `${end}</domain>`);
      const beside = by === "acpi" ? undefined : "i6300esb";
      const wdat = { ...protection, model: "wdat", beside, table: { path, by } } as const;
      const { xml } = protectedXml(parseDomain(source), wdat);
      // This libvirt's schema is older than both.
      validate(
        xml
          .replace(known, "")
          .replace(/<table type=.raw.*?<\/table>/, "")
          .replace(/<acpi>\s*<\/acpi>/, ""),
      );
      const given = parseDomain(xml);
      assert.deepEqual(
        given.tables.map((table) => table.path),
        [path],
      );
      assert.deepEqual(given.hardware.watchdogs.at(by === "acpi" ? 0 : -1)?.model, "wdat");
      assert.equal(protectedXml(given, wdat).xml, xml, "it is so already");
      assert.equal(unprotectedXml(given).xml, source);
    }),
    { numRuns: 300 },
  );
});

test("outside one splice every byte is equal", () => {
  fc.assert(
    fc.property(domain, (source) => {
      const { xml } = protectedXml(parseDomain(source), protection);
      const place = [...source].findIndex((character, i) => character !== [...xml][i]);
      const start = [...source].slice(0, place).join("").length;
      const added = xml.slice(start, start + xml.length - source.length);
      assert.equal(xml.slice(0, start) + xml.slice(start + added.length), source);
      assert.equal(added.match(/\b(watchdog model|channel type)\b/g)?.join(), "watchdog model,channel type");
    }),
    { numRuns: 100 },
  );
});

test("another action changes its word alone, and back", () => {
  const action = fc.constantFrom(...WATCHDOG_ACTIONS);
  fc.assert(
    fc.property(domain, action, action, (source, first, second) => {
      const one = protectedXml(parseDomain(source), { ...protection, action: first }).xml;
      const two = protectedXml(parseDomain(one), { ...protection, action: second }).xml;
      validate(two);
      assert.equal(parseDomain(two).hardware.action, second);
      assert.equal(protectedXml(parseDomain(two), { ...protection, action: first }).xml, one);
      if (first === second) assert.equal(two, one);
    }),
    { numRuns: 100 },
  );
});

const guest = (devices: string) => `<domain type='kvm'>
  <name>a</name>
  <memory>65536</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
${devices}
  </devices>
</domain>
`;

const CHANNEL = `    <channel type='unix'>
      <target type='virtio' name='org.bernard.guest.0'/>
    </channel>`;

/** What is there; the protection; what is then there; and what people are told. */
const EDITS: readonly (readonly [string, string, Parameters<typeof protectedXml>[1], string, readonly string[]])[] = [
  [
    "a device and a channel come last, indented and quoted as their neighbours",
    `    <memballoon model="none"/>`,
    protection,
    `    <memballoon model="none"/>
    <watchdog model="i6300esb" action="reset"/>
${CHANNEL.replaceAll("'", '"')}`,
    [
      '+ <watchdog model="i6300esb" action="reset"/>',
      '+ <channel type="unix">',
      '+   <target type="virtio" name="org.bernard.guest.0"/>',
      "+ </channel>",
    ],
  ],
  [
    "what is there already stays, its address too",
    `    <watchdog model='i6300esb' action='reset'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>
    </watchdog>
${CHANNEL}`,
    protection,
    `    <watchdog model='i6300esb' action='reset'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>
    </watchdog>
${CHANNEL}`,
    [],
  ],
  [
    "all devices get the one action, implicit ones too",
    `    <watchdog  model = "i6300esb"  action = 'pause' />
    <watchdog model='itco'/>
${CHANNEL}`,
    protection,
    `    <watchdog  model = "i6300esb"  action = 'reset' />
    <watchdog action='reset' model='itco'/>
${CHANNEL}`,
    [
      `- <watchdog  model = "i6300esb"  action = 'pause' />`,
      `+ <watchdog  model = "i6300esb"  action = 'reset' />`,
      "- <watchdog model='itco'/>",
      "+ <watchdog action='reset' model='itco'/>",
    ],
  ],
  [
    "a device that does not fit is replaced, wherever it stands",
    `    <watchdog model='ib700' action='reset'/>
    <memballoon model='none'/>
${CHANNEL}
    <watchdog model='ib700' action='reset'>
      <alias name='ua-w'/>
    </watchdog>`,
    { ...protection, replaces: ["ib700"] },
    `    <memballoon model='none'/>
${CHANNEL}
    <watchdog model='i6300esb' action='reset'/>`,
    [
      "- <watchdog model='ib700' action='reset'/>",
      "- <watchdog model='ib700' action='reset'>",
      "-   <alias name='ua-w'/>",
      "- </watchdog>",
      "+ <watchdog model='i6300esb' action='reset'/>",
    ],
  ],
];

for (const [what, devices, asked, expected, lines] of EDITS) {
  test(what, () => {
    const edited = protectedXml(parseDomain(guest(devices)), asked);
    assert.equal(edited.xml, guest(expected));
    assert.deepEqual(edited.lines, lines);
    if (!devices.includes("itco")) validate(edited.xml); // this libvirt's schema is older than itco
  });
}

test("what looks like an attribute within a value is none", () => {
  const source = guest(`    <watchdog model=" action='pause' >"><alias name="x"/></watchdog>\n${CHANNEL}`);
  const { xml } = protectedXml(parseDomain(source), { ...protection, replaces: [" action='pause' >"] });
  assert.equal(xml, guest(`${CHANNEL}\n    <watchdog model="i6300esb" action="reset"/>`));
  const kept = protectedXml(parseDomain(source), protection).xml;
  assert.ok(kept.includes(`<watchdog action="reset" model=" action='pause' >"><alias name="x"/></watchdog>`));
});

test("a q35 as libvirt 9.1 writes it keeps its hardware: its timer is used, and gets the action", () => {
  const source = guest("    <watchdog model='itco' action='pause'/>").replace("'pc'", "'pc-q35-9.0'");
  const domain = parseDomain(source);
  const choice = chooseWatchdog({ ...domain.hardware, model: undefined, action: undefined });
  assert.ok("model" in choice && choice.kept);
  assert.deepEqual(protectedXml(domain, choice).lines.slice(0, 3), [
    "- <watchdog model='itco' action='pause'/>",
    "+ <watchdog model='itco' action='reset'/>",
    "+ <channel type='unix'>",
  ]);
});

test("unprotected, a q35 keeps the timer that is part of it", () => {
  const source = guest(
    `    <watchdog model='itco' action='reset'/>
    <watchdog model='i6300esb' action='reset'/>
    <memballoon model='none'/>
${CHANNEL}`,
  ).replace("'pc'", "'pc-q35-9.0'");
  const { xml, lines } = unprotectedXml(parseDomain(source));
  const left = `    <watchdog model='itco' action='reset'/>\n    <memballoon model='none'/>`;
  assert.equal(xml, guest(left).replace("'pc'", "'pc-q35-9.0'"));
  assert.equal(lines[0], "- <watchdog model='i6300esb' action='reset'/>");
});

test("the oracle refuses what is no domain", () => {
  assert.throws(() => validate(guest("    <watchdog model='i6300esb' action='sing'/>")));
});
