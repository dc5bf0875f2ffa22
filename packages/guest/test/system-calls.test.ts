/**
 * The daemon's system calls: numbered as the kernel's headers do, and none that Linux 2.6.32 (RHEL 6) lacks. What libc and the
 * engine try beyond (getrandom to seed Math.random; on i386 clock_gettime64), they must do without.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { buildGuest, packagesFor } from "@bernard/guest/build";
import { ensureInstalled, run } from "@bernard/tools";
import {
  ARM64,
  ARM64_SOCKETS,
  I386,
  I386_SOCKETCALL,
  I386_SOCKETS,
  X86_64,
  X86_64_SOCKETS,
} from "../src/linux/system-calls.ts";

/** The last call in 2.6.32's tables is perf_event_open. arm64 came with Linux 3.7. */
const LAST = { x86_64: 298, i386: 336, arm64: Number.POSITIVE_INFINITY };

const tables = [
  ["x86_64", { ...X86_64, ...X86_64_SOCKETS }, "x86_64-linux-gnu/asm/unistd_64.h"],
  ["i386", { ...I386, socketcall: I386_SOCKETCALL }, "x86_64-linux-gnu/asm/unistd_32.h"],
  ["arm64", { ...ARM64, ...ARM64_SOCKETS }, "asm-generic/unistd.h"],
] as const;

/** `#define __NR_readlinkat 267`; the generic header names calls that have a 64-bit variant `__NR3264_fcntl`. */
function numbersIn(header: string): Map<string, number> {
  const lines = readFileSync(`/usr/include/${header}`, "utf8").matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm);
  return new Map(Array.from(lines, ([, name, nr]) => [name!, Number(nr)]));
}

/** What carries 64-bit numbers is called otherwise where it always did: `fstatat64` is `newfstatat` on x86-64, `fstatat` on arm64. */
const olderNames = (name: string): string[] => [name, name.replace(/64$/, ""), name.replace(/^(.*)64$/, "new$1")];

const kernelName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

suite("system calls", () => {
  let dir = "";
  let oldKernel = "";

  before(async () => {
    await ensureInstalled(packagesFor("x86_64"), () => {});
    dir = mkdtempSync(join(tmpdir(), "bernard-test-"));
    oldKernel = join(dir, "kernel-2.6.32");
    await run("gcc", ["-o", oldKernel, join(import.meta.dirname, "fixtures/kernel-2.6.32.c")]);
    writeFileSync(join(dir, "conf"), "disk = /dev/shm\n");
  });
  after(() => rmSync(dir, { recursive: true }));

  for (const [arch, calls, header] of tables) {
    test(`${arch}: numbered as in the kernel's headers, and in Linux 2.6.32`, () => {
      const numbers = numbersIn(header);
      for (const [name, nr] of Object.entries(calls)) {
        const known = olderNames(kernelName(name)).find((candidate) => numbers.has(candidate));
        assert.equal(nr, numbers.get(known ?? ""), `${name} is another one in ${header}`);
        assert.ok(nr <= LAST[arch], `${name} (${nr}) is newer than Linux 2.6.32`);
      }
    });
  }

  test("i386: socketcall's own numbers are those of linux/net.h", () => {
    const header = readFileSync("/usr/include/linux/net.h", "utf8");
    for (const [name, nr] of Object.entries(I386_SOCKETS)) {
      assert.match(header, new RegExp(`^#define SYS_${name.toUpperCase()}\\s+${nr}\\s`, "m"));
    }
  });

  for (const [arch, calls] of tables.filter(([arch]) => arch !== "arm64")) {
    test(`${arch}: works where newer ones do not exist`, async () => {
      const { daemon, tests } = await buildGuest(arch, () => {});
      /** What a binary prints where all calls above `last` fail with ENOSYS. */
      const upTo = (last: number, ...command: string[]) =>
        spawnSync(oldKernel, [String(last), String(last), ...command]).stdout.toString();
      assert.match(upTo(LAST[arch], tests), /^\d+ passed, 0 failed\n$/);
      const once = [daemon, "--once", "--config", join(dir, "conf")];
      const probed = /^disk:\/dev\/shm +healthy +writable=1 /m;
      assert.match(upTo(LAST[arch], ...once), probed);
      assert.doesNotMatch(upTo(calls.pipe2 - 1, ...once), probed, "they really do not exist");
    });
  }
});
