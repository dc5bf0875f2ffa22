/** What a domain's XML tells of ACPI tables: which there are, whether ours would work, and how this libvirt takes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { roadOf, tableObstacle } from "../../../src/libvirt/domain-xml/acpi-table.ts";
import { parseDomain } from "../../../src/libvirt/domain-xml/parse.ts";

const domain = ({ os = "", args = [] as readonly string[], features = "<acpi/>", machine = "pc-q35-7.2" }) =>
  parseDomain(`<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <os><type arch='x86_64' machine='${machine}'>hvm</type>${os}</os>
  <features>${features}</features>
  <devices></devices>
  <qemu:commandline>${args.map((value) => `<qemu:arg value='${value}'/>`).join("")}</qemu:commandline>
</domain>`);

const OURS = "/usr/share/qemu/bernard/q35.wdat";
const OFF = ["-global", "ICH9-LPC.noreboot=off"];
const table = (type: string, path: string) => `<acpi><table type='${type}'>${path}</table></acpi>`;

const OBSTACLES: readonly (readonly [Parameters<typeof domain>[0], RegExp | undefined])[] = [
  [{}, undefined],
  [{ os: "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>" }, undefined],
  [{ os: "<loader type='rom'>/usr/share/qemu/bios-256k.bin</loader>" }, undefined],
  [{ args: ["-drive", "if=pflash,format=raw,file=/usr/share/edk2/x64/CODE.fd"] }, undefined],
  [{ args: ["-drive", "file=/a/disk.img"] }, undefined],
  [{ os: table("slic", "/a/slic.dat") }, undefined],
  [{ args: ["-acpitable", "sig=SLIC,file=/a/slic.dat"] }, undefined],
  [{ os: table("raw", OURS) }, undefined],
  [{ args: ["-acpitable", `file=${OURS}`, ...OFF] }, undefined],
  [{ os: table("raw", "/a/b.aml") }, /has an ACPI table already, \/a\/b\.aml/],
  [{ args: ["-acpitable", "sig=WDAT,data=/a/b"] }, /has an ACPI table already, \/a\/b/],
  [{ os: table("raw", OURS), args: ["-acpitable", `file=${OURS}`] }, /our ACPI table twice/],
  [{ args: ["-global", "ICH9-LPC.wdat=on"] }, /QEMU make a WDAT of its own/],
  [{ args: ["-global", "driver=ICH9-LPC,property=wdat,value=on", ...OFF] }, /QEMU make a WDAT of its own/],
  [{ args: ["-global", "ICH9-LPC.wdat=on", "-global", "ICH9-LPC.wdat=off"] }, undefined],
  [{ args: ["-global", "driver=ICH9-LPC,property=noreboot,value=on"] }, /noreboot on/],
  [{ args: [...OFF, "-global", "ICH9-LPC.noreboot=true"] }, /noreboot on/],
  [{ features: "<apic/>" }, /no <acpi\/>/],
  [{ os: "<loader type='rom'>/a/coreboot.rom</loader>" }, /firmware \/a\/coreboot\.rom/],
  [{ args: ["-pflash", "/a/own.fd"] }, /firmware \/a\/own\.fd/],
];

for (const [parts, expected] of OBSTACLES) {
  test(`${JSON.stringify(parts)}: ${expected?.source ?? "fit for our table"}`, () => {
    const obstacle = tableObstacle(domain(parts));
    if (expected === undefined) assert.equal(obstacle, undefined);
    else assert.match(obstacle ?? "", expected);
  });
}

/** Which device there is: the machine's timer is wdat where our table tells of it, and none where its strap is on. */
const DEVICES: readonly (readonly [Parameters<typeof domain>[0], string])[] = [
  [{}, ""],
  [{ args: ["-acpitable", `file=${OURS}`] }, ""],
  [{ args: ["-acpitable", `file=${OURS}`, ...OFF] }, "wdat outside"],
  [{ args: ["-acpitable", "file=/home/a,,b/bernard/q35.wdat", ...OFF] }, "wdat outside"],
  [{ args: ["-acpitable", "file=/a/b.aml", ...OFF] }, "itco outside"],
  [{ machine: "pc-q35-8.2", args: ["-acpitable", `file=${OURS}`] }, "wdat outside"],
  [{ machine: "pc-i440fx-7.2", args: ["-acpitable", `file=${OURS}`, ...OFF] }, ""],
];

for (const [parts, expected] of DEVICES) {
  test(`${JSON.stringify(parts)} has ${expected || "no device"}`, () => {
    const { watchdogs } = domain(parts).hardware;
    assert.equal(watchdogs.map(({ model, origin }) => `${model} ${origin}`).join(), expected);
  });
}

test("the element is for libvirt 11.2 and later", () => {
  const roads = ["9.0.0", "11.1.0", undefined, "11.2.0", "12.0.0"].map(roadOf);
  assert.deepEqual(roads, ["qemu:commandline", "qemu:commandline", "qemu:commandline", "acpi", "acpi"]);
});
