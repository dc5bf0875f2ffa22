/** The table in the hands of others: an unmodified QEMU gives it to firmware, and ACPI's own disassembler reads it. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { run, unpack } from "@bernard/tools";
import { q35Wdat, writeWdat } from "../src/index.ts";
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

test("iasl disassembles it, and assembles the same bytes from that", async (t) => {
  const table = writeWdat(q35Wdat);
  const file = await fileOf(t, table);
  const iasl = join(await unpack("acpica", ["acpica-tools"], () => {}), "usr/bin/iasl");
  await run(iasl, ["-d", file]);
  const source = (await readFile(file.replace(/aml$/, "dsl"))).toString();
  assert.match(source, /Signature : "WDAT" {4}\[Watchdog Action Table\]/);
  assert.match(source, /Watchdog Entry Count : 00000010/);
  assert.doesNotMatch(source, /invalid|unknown|error/i);
  await rm(file);
  const said = (await run(iasl, [file.replace(/aml$/, "dsl")])).toString();
  assert.match(said, /Compilation successful. 0 Errors, 0 Warnings/);
  const assembled = await readFile(file);
  // iasl puts its own name and version into the header, and sums up again.
  for (const at of [9, ...Array.from({ length: 8 }, (_, i) => 28 + i)]) assembled[at] = table[at]!;
  assert.deepEqual(assembled, Buffer.from(table));
});
