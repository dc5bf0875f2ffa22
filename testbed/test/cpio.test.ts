import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { cpio, type Entry } from "../src/cpio.ts";

/** Reads an archive back by the format's own description: 13 fields of 8 hexadecimal digits after the magic. */
function list(archive: Buffer): { path: string; mode: number; mtime: number; data: string }[] {
  const found = [];
  for (let at = 0; ; ) {
    assert.equal(archive.toString("latin1", at, at + 6), "070701");
    const field = (index: number) =>
      Number.parseInt(archive.toString("latin1", at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const nameEnd = at + 110 + field(11);
    const path = archive.toString("utf8", at + 110, nameEnd - 1);
    if (path === "TRAILER!!!") return found;
    const dataStart = (nameEnd + 3) & ~3;
    const dataEnd = dataStart + field(6);
    found.push({ path, mode: field(1), mtime: field(5), data: archive.toString("utf8", dataStart, dataEnd) });
    at = (dataEnd + 3) & ~3;
  }
}

const file = (text: string, executable = false): Entry => ({ kind: "file", data: Buffer.from(text), executable });

suite("a cpio archive", () => {
  test("holds what was put in, parents first, without times", () => {
    const entries = new Map<string, Entry>([
      ["lib/modules/a.ko", file("12345")],
      ["init", file("#!/bin/sh\n", true)],
      ["bin/sh", { kind: "link", target: "busybox" }],
      ["dev", { kind: "directory" }],
    ]);
    assert.deepEqual(list(cpio(entries)), [
      { path: "bin", mode: 0o040755, mtime: 0, data: "" },
      { path: "bin/sh", mode: 0o120777, mtime: 0, data: "busybox" },
      { path: "dev", mode: 0o040755, mtime: 0, data: "" },
      { path: "init", mode: 0o100755, mtime: 0, data: "#!/bin/sh\n" },
      { path: "lib", mode: 0o040755, mtime: 0, data: "" },
      { path: "lib/modules", mode: 0o040755, mtime: 0, data: "" },
      { path: "lib/modules/a.ko", mode: 0o100644, mtime: 0, data: "12345" },
    ]);
  });

  test("is the same whatever the order of its entries", () => {
    const entries: [string, Entry][] = [
      ["b", file("b")],
      ["a/c", file("")],
    ];
    assert.deepEqual(cpio(new Map(entries)), cpio(new Map(entries.toReversed())));
  });
});
