/** The table in the hands of others: an unmodified QEMU gives it to firmware, and ACPI's own disassembler reads it. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { run, unpack } from "@bernard/tools";
import { q35Wdat, type Wdat, writeWdat } from "../src/index.ts";
import { Emulator } from "../verify/emulator.ts";

const QEMU = "qemu-system-x86_64";

/** A file of these bytes, alone in its folder. */
async function fileOf(t: TestContext, bytes: Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bernard-wdat-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "wdat.aml");
  await writeFile(file, bytes);
  return file;
}

/** Reads of QEMU's fw_cfg, by which firmware gets its tables (docs/specs/fw_cfg of QEMU). */
async function readFirmwareFile(qemu: Emulator, key: number, size: number): Promise<Buffer> {
  const read = await qemu.access([`outw 0x510 ${key}`, ...Array.from({ length: size }, () => "inb 0x511")]);
  return Buffer.from(read.slice(1).map(Number));
}

async function firmwareTables(qemu: Emulator): Promise<Buffer> {
  const [directory, entrySize, nameAt] = [0x19, 64, 8];
  const count = (await readFirmwareFile(qemu, directory, 4)).readUInt32BE();
  const entries = (await readFirmwareFile(qemu, directory, 4 + count * entrySize)).subarray(4);
  for (let at = 0; at < entries.length; at += entrySize) {
    const name = entries.toString("latin1", at + nameAt, at + entrySize).replace(/\0.*$/s, "");
    if (name === "etc/acpi/tables") {
      return await readFirmwareFile(qemu, entries.readUInt16BE(at + 4), entries.readUInt32BE(at));
    }
  }
  throw new Error("QEMU has no ACPI tables for firmware");
}

test("QEMU gives the table to firmware as it is", async (t) => {
  const table = Buffer.from(writeWdat(q35Wdat));
  const qemu = await Emulator.start(QEMU, false, ["-acpitable", `file=${await fileOf(t, table)}`]);
  t.after(() => qemu.end());
  const tables = await firmwareTables(qemu);
  assert.ok(tables.includes("FACP"));
  assert.notEqual(tables.indexOf(table), -1);
});

test("QEMU takes no more than 65535 bytes, as we say", async (t) => {
  const longer = new Uint8Array(65_540);
  longer.set(writeWdat(q35Wdat));
  const table = await fileOf(t, longer);
  await assert.rejects(
    Emulator.start(QEMU, false, ["-acpitable", `file=${table}`]),
    /ACPI table too big, requested: 65540, max: 65535/,
  );
});

/** ACPI's own assembler and disassembler, on one table: it writes `file`'s twin, `.dsl` of `.aml` and the other way round. */
async function iasl(...args: readonly string[]): Promise<string> {
  return (await run(join(await unpack("acpica", ["acpica-tools"], () => {}), "usr/bin/iasl"), args)).toString();
}

async function disassembled(file: string): Promise<string> {
  await iasl("-d", file);
  return (await readFile(file.replace(/aml$/, "dsl"))).toString();
}

test("iasl disassembles it, and assembles the same bytes from that", async (t) => {
  const table = writeWdat(q35Wdat);
  const file = await fileOf(t, table);
  const source = await disassembled(file);
  assert.match(source, /Signature : "WDAT" {4}\[Watchdog Action Table\]/);
  assert.match(source, /Watchdog Entry Count : 00000010/);
  assert.doesNotMatch(source, /invalid|unknown|error/i);
  await rm(file);
  assert.match(await iasl(file.replace(/aml$/, "dsl")), /Compilation successful. 0 Errors, 0 Warnings/);
  const assembled = await readFile(file);
  // iasl puts its own name and version into the header, and sums up again.
  for (const at of [9, ...Array.from({ length: 8 }, (_, i) => 28 + i)]) assembled[at] = table[at]!;
  assert.deepEqual(assembled, Buffer.from(table));
});

/** The header's fields that are WDAT's own, and a row for each entry, as iasl reads them: each field in hexadecimal. */
async function fieldsOf(t: TestContext, wdat: Wdat): Promise<{ header: string[]; entries: string[] }> {
  const source = await disassembled(await fileOf(t, writeWdat(wdat)));
  const fields = [...source.matchAll(/^\[[^\]]+\] +(.+) : (\w+)/gm)].map(([, name, value]) => `${name}: ${value}`);
  const own = fields.slice(fields.findIndex((each) => each.startsWith("Header Length")));
  const rows = own.join("\n").split(/^(?=Watchdog Action:)/m);
  const values = (row: string) => [...row.matchAll(/: (\w+)$/gm)].map(([, value]) => value);
  return { header: rows[0]!.trimEnd().split("\n"), entries: rows.slice(1).map((row) => values(row).join(" ")) };
}

test("iasl reads each field of q35's table as the specification and the chipset's datasheet have it", async (t) => {
  const { header, entries } = await fieldsOf(t, q35Wdat);
  assert.deepEqual(header, [
    "Header Length: 00000020",
    "PCI Segment: 00FF", // no PCI function
    "PCI Bus: FF",
    "PCI Device: FF",
    "PCI Function: FF",
    "Reserved: 000000",
    "Timer Period: 000004B0", // 1200 ms: two ticks
    "Max Count: 000003FF",
    "Min Count: 00000002",
    "Flags (decoded below): 01", // enabled, and not stopped in sleep
    "Reserved: 000000",
    "Watchdog Entry Count: 00000010",
  ]);
  // Action, instruction, reserved; space, bits, first bit, size of the access, address; value, mask.
  assert.deepEqual(entries, [
    "01 02 0000 01 0A 00 02 0000000000000660 00000001 000003FF", // reset: RLD := 1
    "04 01 0000 01 0A 00 02 0000000000000660 00000000 000003FF", // query current countdown: RLD
    "05 01 0000 01 0A 00 02 0000000000000672 00000000 000003FF", // query countdown period: TMR
    "06 03 0000 01 0A 00 02 0000000000000672 00000000 000003FF", // set countdown period: TMR
    "08 00 0000 01 08 00 01 000000000000066E 00000001 000000FF", // query running state: WDCNT = 1?
    "09 02 0000 01 0A 00 02 0000000000000660 00000001 000003FF", // set running state: RLD := 1
    "09 82 0000 00 01 05 03 00000000FED1F410 00000000 00000001", // GCS, NO_REBOOT := 0
    "09 82 0000 01 01 0B 02 0000000000000668 00000000 00000001", // CNT1, halt := 0
    "09 02 0000 01 08 00 01 000000000000066E 00000001 000000FF", // WDCNT := 1
    "0A 00 0000 01 08 00 01 000000000000066E 00000000 000000FF", // query stopped state: WDCNT = 0?
    "0B 82 0000 01 01 0B 02 0000000000000668 00000001 00000001", // set stopped state: CNT1, halt := 1
    "0B 02 0000 01 08 00 01 000000000000066E 00000000 000000FF", // WDCNT := 0
    "10 00 0000 00 01 05 03 00000000FED1F410 00000000 00000001", // query reboot: GCS, NO_REBOOT = 0?
    "11 82 0000 00 01 05 03 00000000FED1F410 00000000 00000001", // set reboot: GCS, NO_REBOOT := 0
    "20 00 0000 01 01 01 02 0000000000000666 00000001 00000001", // query watchdog status: STS2, second timeout = 1?
    "21 02 0000 01 02 01 02 0000000000000666 00000003 00000003", // set watchdog status: STS2, second timeout and boot
  ]);
});

test("and what q35's table has no use for", async (t) => {
  const entry = { ...q35Wdat.entries[3]!, preserve: true };
  const { header, entries } = await fieldsOf(t, {
    ...q35Wdat,
    pci: { segment: 0x1234, bus: 0x56, device: 0x1f, function: 7 },
    enabled: false,
    stoppedInSleep: true,
    entries: [
      { ...entry, action: "does shut down" },
      { ...entry, action: "set shutdown" },
    ],
  });
  const pci = ["PCI Segment: 1234", "PCI Bus: 56", "PCI Device: 1F", "PCI Function: 07"];
  assert.deepEqual(header.slice(1, 5), pci);
  assert.equal(header[9], "Flags (decoded below): 80");
  assert.deepEqual(
    entries.map((row) => row.slice(0, 5)),
    ["12 83", "13 83"],
  );
});
