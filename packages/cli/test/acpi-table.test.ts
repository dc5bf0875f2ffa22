/** `bernard acpi-table`, as it is typed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { root } from "@bernard/tools";
import { q35Wdat, type Wdat, writeWdat } from "@bernard/watchdog";

function bernard(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(join(root, "bernard"), ["acpi-table", ...args]);
  return { status, stdout, stderr: stderr.toString() };
}

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "bernard-acpi-table-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test("every name of q35 gets the table, on standard output", () => {
  for (const machine of ["q35", "pc-q35-7.2", "pc-q35-10.0"]) {
    assert.deepEqual(bernard("--machine", machine), { status: 0, stdout: Buffer.from(writeWdat(q35Wdat)), stderr: "" });
  }
});

test("or in a file, which --check reads", async (t) => {
  const file = join(await folder(t), "wdat.aml");
  assert.deepEqual(bernard("--machine", "q35", "-o", file), { status: 0, stdout: Buffer.of(), stderr: "" });
  assert.deepEqual(await readFile(file), Buffer.from(writeWdat(q35Wdat)));
  const { status, stdout } = bernard("--check", file);
  assert.equal(stdout.toString(), `${file}: a WDAT of 16 entries, for timeouts of 2.4 to 1227.6 s in steps of 1.2 s\n`);
  assert.equal(status, 0);
});

const refused: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  ["no machine", [], 2, /^bernard: no machine type is named; add --machine q35\n$/],
  [
    "i440fx",
    ["--machine", "pc-i440fx-7.2"],
    3,
    /type pc-i440fx-7\.2 has no timer .*; give such a guest an i6300esb\n$/,
  ],
  ["QEMU's short name of it", ["--machine", "pc"], 3, /type pc has no timer/],
  ["an ARM machine", ["--machine", "virt-7.2"], 3, /type virt-7\.2 has no timer/],
  ["a name that only begins so", ["--machine", "q35x"], 3, /type q35x has no timer/],
  ["a name with control characters", ["--machine", "\u001b[2Jq35"], 3, /^[\n -~]*$/],
  [
    "a folder that is not there",
    ["--machine", "q35", "-o", "/nonexistent/f"],
    1,
    /^bernard: cannot write the table: ENOENT/,
  ],
  [
    "a path with control characters",
    ["--machine", "q35", "-o", "/nonexistent/\u001b[2J"],
    1,
    /open '\/nonexistent\/\\u\{1b\}\[2J'\n$/,
  ],
  ["a table that is not there", ["--check", "/nonexistent"], 1, /^bernard: cannot read the table: ENOENT/],
  ["a folder for a table", ["--check", "/"], 1, /^bernard: cannot read the table: EISDIR/],
  [
    "a file without end",
    ["--check", "/dev/zero"],
    1,
    /longer than the 65535 bytes that QEMU takes; have one written by/,
  ],
  ["an empty file", ["--check", "/dev/null"], 1, /it has 0 bytes, a header alone 68; have one written by/],
  ["to check and to write", ["--check", "/dev/null", "--machine", "q35"], 2, /cannot be used with option/],
];

for (const [what, args, code, message] of refused) {
  test(`${what}: refused in a line`, () => {
    const { status, stdout, stderr } = bernard(...args);
    assert.equal(status, code, stderr);
    assert.match(stderr, message);
    assert.match(stderr, /^[^\n]+\n$/);
    assert.equal(stdout.length, 0);
  });
}

test("a table that was damaged is refused, and says by what", async (t) => {
  const file = join(await folder(t), "wdat.aml");
  const table = writeWdat(q35Wdat);
  table[100]! += 1;
  await writeFile(file, table);
  const { status, stderr } = bernard("--check", file);
  assert.match(
    stderr,
    /wdat\.aml: no usable WDAT: its bytes add up to 1, not 0: the checksum is wrong; have one written by/,
  );
  assert.equal(status, 1);
});

/** Nothing is wrong with these but that a guest makes nothing of them. */
const useless: readonly (readonly [Partial<Wdat>, string])[] = [
  [{ enabled: false }, "it says of its device that it is off"],
  [
    { pci: { segment: 0, bus: 0, device: 0x1f, function: 0 } },
    "its device is a PCI function, and Linux leaves such a table alone",
  ],
  [{ entries: [] }, 'it does not tell how to do "feed"'],
  [{ entries: q35Wdat.entries.filter(({ action }) => action !== "stop") }, 'it does not tell how to do "stop"'],
];

for (const [parts, why] of useless) {
  test(`a table of no use is told: ${why}`, async (t) => {
    const file = join(await folder(t), "wdat.aml");
    await writeFile(file, writeWdat({ ...q35Wdat, ...parts }));
    const { status, stdout, stderr } = bernard("--check", file);
    const hint = "have one written by: bernard acpi-table --machine q35 -o FILE";
    assert.equal(stderr, `bernard: ${file}: no usable WDAT: ${why}; ${hint}\n`);
    assert.deepEqual([status, stdout.length], [1, 0]);
  });
}

test("a terminal gets no table", async () => {
  const command = `${join(root, "bernard")} acpi-table --machine q35`;
  const { stdout, status } = spawnSync("script", ["--quiet", "--return", "--command", command, "/dev/null"]);
  assert.match(
    stdout.toString(),
    /^bernard: a table is not for a terminal; add -o FILE, or redirect standard output\r?\n$/,
  );
  assert.equal(status, 2);
});
