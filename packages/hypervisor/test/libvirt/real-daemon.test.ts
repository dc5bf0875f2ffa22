/** The client against real libvirtds, with libvirt's own clients beside it. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, suite, type TestContext, test } from "node:test";
import { domainState } from "../../src/libvirt/domain-state.ts";
import type { GuestState } from "../../src/libvirt/domains.ts";
import { isRefusal, LibvirtDeadlineError, refusalCode, refusals } from "../../src/libvirt/errors.ts";
import { decodeEvent } from "../../src/libvirt/events.ts";
import { Libvirt } from "../../src/libvirt/libvirt.ts";
import { Program, Type } from "../../src/libvirt/packet.ts";
import { type Domain, domain as domainLayout } from "../../src/libvirt/procedures.ts";
import type { WatchMessage } from "../../src/libvirt/watch.ts";
import { encode, int, struct } from "../../src/libvirt/xdr.ts";
import { collector } from "./collector.ts";
import { guestsOf, guestXml, sessionDaemon, systemDaemon } from "./daemon.ts";
import { lastFirst } from "./last-first.ts";
import { python, pythonEvents, virsh } from "./oracle.ts";

/** VIR_DOMAIN_START_PAUSED */
const PAUSED = 1;

const daemon = await sessionDaemon({ after });

async function opened(t: TestContext, name = "qemu:///session"): Promise<Libvirt> {
  const libvirt = await Libvirt.open(daemon.uri(name));
  lastFirst(t, () => libvirt.close());
  return libvirt;
}

/** A transient guest, gone with the test. */
async function started(
  t: TestContext,
  libvirt: Libvirt,
  { flags = 0, ...of }: NonNullable<Parameters<typeof guestXml>[1]> & { flags?: number },
): Promise<Domain> {
  // The first guest of a daemon waits until it has asked QEMU for all that it can.
  const asked = { xml: guestXml(daemon, of), flags };
  const { domain } = await libvirt.call("domainCreateXml", asked, { deadlineMs: 60_000 });
  lastFirst(t, () => destroyed(libvirt, domain));
  return domain;
}

async function destroyed(libvirt: Libvirt, domain: Domain): Promise<void> {
  await libvirt.call("domainDestroyFlags", { domain, flags: 0 }, { deadlineMs: 60_000 }).catch((error: unknown) => {
    if (!isRefusal(error, "noDomain") && !isRefusal(error, "operationInvalid")) throw error;
  });
}

test("our names for libvirt's errors are libvirt's numbers", async () => {
  const errors = (await python("", "errors")) as Record<string, number>;
  const spelled: Readonly<Record<string, string>> = {
    invalidArgument: "INVALID_ARG",
    noStream: "INVALID_STREAM",
    noMetadata: "NO_DOMAIN_METADATA",
  };
  for (const name of refusals) {
    const theirs = spelled[name] ?? name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    assert.equal(refusalCode(name), errors[`VIR_ERR_${theirs}`], name);
  }
});

test("our words for events, states and their reasons are libvirt's names", async () => {
  type Words = Readonly<Record<string, string>>;
  const { lifecycle, states, watchdog } = (await python("", "words")) as {
    lifecycle: Record<string, { word: string; details: Words }>;
    states: Record<string, { word: string; reasons: Words }>;
    watchdog: Words;
  };
  const domain = { name: "a", uuid: "00000000-0000-4000-8000-000000000000", id: 1 };
  const decoded = (procedure: number, ...numbers: number[]) => {
    const fields = Object.fromEntries(numbers.map((_, i) => [`field${i}`, int]));
    const values = Object.fromEntries(numbers.map((number, i) => [`field${i}`, number]));
    const layout = struct({ callback: int, domain: domainLayout, ...fields });
    const payload = encode(layout, { callback: 0, domain, ...values } as never);
    return decodeEvent({
      program: Program.remote,
      version: 1,
      procedure,
      type: Type.message,
      serial: 1,
      status: 0,
      payload,
    });
  };
  for (const [event, { word, details }] of Object.entries(lifecycle)) {
    for (const [number, detail] of Object.entries(details)) {
      const told = decoded(318, Number(event), Number(number));
      assert.deepEqual(told, { type: "lifecycle", domain, event: word, detail });
    }
  }
  for (const [state, { word, reasons }] of Object.entries(states)) {
    for (const [number, reason] of Object.entries(reasons)) {
      assert.deepEqual(domainState(Number(state), Number(number)), { state: word, reason });
    }
  }
  assert.ok(Object.keys(watchdog).length >= 7);
  for (const [number, action] of Object.entries(watchdog)) {
    assert.deepEqual(decoded(321, Number(number)), { type: "watchdog", domain, action });
  }
});

test("test:///default has the guests that python3-libvirt sees, and their XML", async (t) => {
  const libvirt = await opened(t, "test:///default");
  await sameGuests(libvirt, "test:///default");
  assert.deepEqual(await libvirt.call("connectGetType", {}), { type: "TEST" });
});

test("a thousand guests are listed with their states, as virsh lists them", async (t) => {
  const guest = (_: unknown, i: number) =>
    `<domain type='test'><name>guest-${i}</name><memory>8192</memory><os><type>hvm</type></os></domain>`;
  const file = join(daemon.dir, "thousand.xml");
  await writeFile(file, `<node>${Array.from({ length: 1000 }, guest).join("")}</node>`);
  const name = `test://${file}`;
  const libvirt = await opened(t, name);
  const ours = (await libvirt.domains()).map(({ domain, state }) => `${domain.name} ${state}`);
  const theirs = (await virsh(daemon.clientUri(name), "list", "--all"))
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  assert.equal(ours.length, 1000);
  assert.deepEqual(ours.toSorted(), theirs.map(([, each, state]) => `${each} ${state}`).toSorted());
});

test("a daemon that is stopped for a while fails the calls that cannot wait, and serves the others late", async (t) => {
  const libvirt = await opened(t);
  daemon.signal("SIGSTOP");
  const patient = libvirt.call("connectGetType", {}, { deadlineMs: 60_000 });
  await assert.rejects(libvirt.call("connectGetType", {}, { deadlineMs: 200 }), LibvirtDeadlineError);
  daemon.signal("SIGCONT");
  assert.deepEqual(await patient, { type: "QEMU" });
});

test("names with entities, other alphabets and 220 characters are the same for everybody", async (t) => {
  const libvirt = await opened(t);
  const names = ["a&amp;b &lt;c&gt; &quot;d&quot;", "größer-🙂", "x".repeat(220)];
  for (const name of names) {
    const xml = guestXml(daemon, { name }).replace("<memory", "<!-- <watchdog model='none'/> --><memory");
    const { domain } = await libvirt.call("domainDefineXmlFlags", { xml, flags: 0 }, { deadlineMs: 60_000 });
    lastFirst(t, () => libvirt.call("domainUndefineFlags", { domain, flags: 0 }));
  }
  const guests = await sameGuests(libvirt, "qemu:///session");
  assert.deepEqual(
    guests.map(({ domain }) => domain.name).toSorted(),
    ['a&b <c> "d"', "größer-🙂", "x".repeat(220)].toSorted(),
  );
});

/** Ours and python3-libvirt's: names, UUIDs, ids, states, XML. */
async function sameGuests(libvirt: Libvirt, name: string) {
  const guests = await libvirt.domains();
  const ours: (GuestState & { xml: string })[] = [];
  for (const { domain, state, reason } of guests) {
    const { xml } = await libvirt.call("domainGetXmlDesc", { domain, flags: 0 });
    ours.push({ domain, state, reason, xml });
    assert.deepEqual(await libvirt.call("domainLookupByName", { name: domain.name }), { domain });
  }
  assert.ok(ours.length > 0);
  const theirs = (await python(daemon.clientUri(name), "domains")) as typeof ours;
  const byUuid = (a: (typeof ours)[number], b: (typeof ours)[number]) => (a.domain.uuid < b.domain.uuid ? -1 : 1);
  assert.deepEqual(ours.toSorted(byUuid), theirs.toSorted(byUuid));
  return guests;
}

/** A message as python3-libvirt hears it: name, domain, id, and the rest in order. */
function asPython(message: WatchMessage): unknown[][] {
  if (!("domain" in message)) return [];
  const { type, domain, ...rest } = message;
  return [[type, domain.name, domain.id, ...Object.values(rest)]];
}

/** `watchdog pause`, `suspended watchdog`, `reboot` */
function inWords(message: WatchMessage): string {
  if (message.type === "watchdog") return `watchdog ${message.action}`;
  return message.type === "lifecycle" ? `${message.event} ${message.detail}` : message.type;
}

/** Whether all of that was told in that order; a reset may be told before the fire that caused it. */
function isTold(expected: readonly string[], told: readonly string[]): boolean {
  const rest = expected.filter((words) => words !== "reboot");
  for (const words of told) if (words === rest[0]) rest.shift();
  return rest.length === 0 && (!expected.includes("reboot") || told.includes("reboot"));
}

const FIRES = [
  ["pause", ["watchdog pause", "suspended watchdog"], "paused (watchdog)"],
  ["reset", ["watchdog reset", "reboot"], "running (booted)"],
  ["none", ["watchdog none"], "running (booted)"],
  ["inject-nmi", ["watchdog inject-nmi"], "running (booted)"],
  ["poweroff", ["watchdog poweroff", "stopped failed"], undefined],
  ["shutdown", ["watchdog shutdown"], "running (booted)"],
  ["dump", ["watchdog pause", "suspended watchdog", "resumed unpaused"], "running (unpaused)"],
] as const;

/** What a guest's start and its end tell besides. */
const AROUND = ["resumed unpaused", "started booted", "shutdown host", "controlError", "stopped destroyed"];

suite("a fire", { concurrency: 2 }, () => {
  for (const model of ["ib700", "i6300esb"]) {
    for (const [action, expected, end] of FIRES) {
      test(`of an ${model} with the action ${action} is told as libvirt's own client tells it`, async (t) => {
        const name = `${model}-${action}`;
        const libvirt = await opened(t);
        const heard = await pythonEvents(t, daemon.clientUri("qemu:///session"));
        const { listener, next } = collector();
        const watch = await libvirt.watch((message) => {
          if ("domain" in message && message.domain.name === name) listener(message);
        });
        const domain = await started(t, libvirt, { name, model, action });
        const ours: WatchMessage[] = [];
        while (!isTold(expected, ours.map(inWords))) ours.push(await next());
        if (end !== undefined) {
          assert.equal(await virsh(daemon.clientUri("qemu:///session"), "domstate", "--reason", name), end);
          const { state, reason } = (await libvirt.domains()).find((each) => each.domain.uuid === domain.uuid)!;
          assert.equal(`${state} (${reason})`, end);
          await destroyed(libvirt, domain);
          while (!ours.map(inWords).includes("stopped destroyed")) ours.push(await next());
        }
        watch.close();
        const told: readonly string[] = [...expected, ...AROUND];
        assert.deepEqual(
          ours.map(inWords).filter((words) => !told.includes(words)),
          [],
        );
        const theirs = () => heard.filter(([, each]) => each === name);
        const all = ours.flatMap(asPython);
        while (theirs().length < all.length && !t.signal.aborted)
          await new Promise((resolve) => setTimeout(resolve, 5));
        // A monitor that breaks as its emulator is ended may be told after that end, when ours is closed.
        assert.deepEqual(theirs().slice(0, all.length), all);
      });
    }
  }
});

test("a note on a guest is told, and read back", async (t) => {
  const libvirt = await opened(t);
  const heard = await pythonEvents(t, daemon.clientUri("qemu:///session"));
  const { listener, next } = collector();
  await libvirt.watch(listener);
  const domain = await started(t, libvirt, { flags: PAUSED });
  const note = { domain, type: 2, uri: "urn:bernard", flags: 0 }; // 2: an element of a namespace
  await libvirt.call("domainSetMetadata", { ...note, metadata: "<fire at='12:00'/>", key: "b" });
  assert.deepEqual(await next("metadata"), { type: "metadata", domain, kind: "element", uri: "urn:bernard" });
  const { metadata } = await libvirt.call("domainGetMetadata", note);
  assert.equal(metadata, '<fire at="12:00"/>');
  while (heard.length < 3 && !t.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(heard.at(-1), ["metadata", domain.name, domain.id, "element", "urn:bernard"]);
});

test("QEMU's own events come through libvirt", async (t) => {
  const libvirt = await opened(t);
  const { listener, next } = collector();
  await libvirt.watch(listener, { monitor: true });
  const domain = await started(t, libvirt, { action: "pause" });
  for (;;) {
    const event = await next("monitor");
    if (event.type !== "monitor" || event.name !== "WATCHDOG") continue;
    assert.deepEqual(event.domain, domain);
    assert.equal(event.details, '{"action":"pause"}');
    break;
  }
  const command = JSON.stringify({ execute: "query-status" });
  const { result } = await libvirt.call("qemuDomainMonitorCommand", { domain, command, flags: 0 });
  assert.equal((JSON.parse(result) as { return: { status: string } }).return.status, "watchdog");
});

test("a screenshot of a paused guest is virsh's screenshot", async (t) => {
  const libvirt = await opened(t);
  const domain = await started(t, libvirt, { flags: PAUSED });
  const file = join(daemon.dir, "screen.png");
  await libvirt.screenshot(domain); // the first one of a screen that nobody looks at may be of before
  await virsh(daemon.clientUri("qemu:///session"), "screenshot", domain.name, file);
  const { mime, image } = await libvirt.screenshot(domain);
  assert.equal(mime, "image/png");
  assert.ok(image.equals(await readFile(file)));
  await destroyed(libvirt, domain);
  await assert.rejects(libvirt.screenshot(domain), (error) => isRefusal(error, "noDomain"));
});

test("a console tells what the guest writes; a second reader is refused until the first is gone", async (t) => {
  const libvirt = await opened(t);
  const domain = await started(t, libvirt, { flags: PAUSED });
  const open = () => libvirt.stream("domainOpenConsole", { domain, device: undefined, flags: 2 }); // 2: not shared
  const { stream } = await open();
  await assert.rejects(open(), (error) => isRefusal(error, "operationFailed"));
  await libvirt.call("domainResume", { domain });
  assert.match(await textOf(stream, "up"), /up/);
  stream.destroy();
  const again = await until(open);
  again.stream.destroy();
});

test("a channel of the guest's is opened by its name", async (t) => {
  const libvirt = await opened(t);
  const domain = await started(t, libvirt, { flags: PAUSED });
  const channel = (name: string) => libvirt.stream("domainOpenChannel", { domain, name, flags: 0 });
  const { stream } = await channel("org.bernard.guest.0");
  stream.write('{"drill":1}\n');
  await destroyed(libvirt, domain);
  await assert.rejects(
    stream.toArray().then((chunks) => Promise.reject(new Error(`ended, ${chunks.length}`))),
    Error,
  );
  const unknown = await started(t, libvirt, { flags: PAUSED });
  await assert.rejects(
    libvirt.stream("domainOpenChannel", { domain: unknown, name: "no.such", flags: 0 }),
    (error) =>
      isRefusal(error, "internalError") || isRefusal(error, "operationFailed") || isRefusal(error, "invalidArgument"),
  );
});

async function textOf(stream: Duplex, wanted: string): Promise<string> {
  let text = "";
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.includes(wanted)) break;
  }
  return text;
}

/** The daemon frees what a closed connection held a moment later, and nothing tells when. */
async function until<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isRefusal(error, "operationFailed")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

test("a volume is uploaded and downloaded again, each to the end of its finish exchange", async (t) => {
  const libvirt = await opened(t);
  const dir = join(daemon.dir, "pool");
  await mkdir(dir);
  const content = randomBytes(3_000_001);
  await writeFile(join(dir, "volume"), Buffer.alloc(content.length));
  const xml = `<pool type='dir'><name>pool</name><target><path>${dir}</path></target></pool>`;
  const { pool } = await libvirt.call("storagePoolCreateXml", { xml, flags: 0 });
  lastFirst(t, () => libvirt.call("storagePoolDestroy", { pool }));
  const { volume } = await libvirt.call("storageVolLookupByName", { pool, name: "volume" });
  const whole = { volume, offset: 0n, length: 0n, flags: 0 };
  const upload = await libvirt.stream("storageVolUpload", whole);
  upload.stream.resume();
  await new Promise<void>((resolve, reject) => {
    upload.stream.once("close", resolve).once("error", reject).end(content);
  });
  assert.ok((await readFile(join(dir, "volume"))).equals(content));
  const { stream } = await libvirt.stream("storageVolDownload", { ...whole, offset: 1n });
  assert.ok(Buffer.concat(await stream.toArray()).equals(content.subarray(1)));
});

test("over ssh the daemon is reached by virt-ssh-helper, and by netcat", async (t) => {
  const bin = join(daemon.dir, "bin");
  await mkdir(bin);
  // As sshd does it: the last argument is a command line for the user's shell. Root would have no session.
  await writeFile(
    join(bin, "ssh"),
    '#!/bin/sh\nfor last; do :; done\nexec unshare --user --map-user=1000 sh -c "$last"\n',
  );
  await chmod(join(bin, "ssh"), 0o755);
  const { PATH, XDG_RUNTIME_DIR } = process.env;
  lastFirst(t, () => {
    process.env.PATH = PATH;
    if (XDG_RUNTIME_DIR === undefined) delete process.env.XDG_RUNTIME_DIR;
    else process.env.XDG_RUNTIME_DIR = XDG_RUNTIME_DIR;
  });
  process.env.PATH = `${bin}:${PATH}`;
  process.env.XDG_RUNTIME_DIR = daemon.runtimeDir;
  for (const uri of [
    "qemu+ssh://localhost/session?proxy=native",
    `qemu+ssh://ann@localhost/session?socket=${daemon.socket}`,
  ]) {
    const libvirt = await Libvirt.open(uri);
    lastFirst(t, () => libvirt.close());
    assert.deepEqual(await libvirt.call("connectGetType", {}), { type: "QEMU" });
  }
  await writeFile(join(bin, "ssh"), "#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n");
  await assert.rejects(Libvirt.open("qemu+ssh://localhost/system"), /ssh to localhost: Host key verification failed/);
});

test("a watch outlives its daemon, and tells of a guest that ended meanwhile", async (t) => {
  const libvirt = await opened(t);
  const { listener, next } = collector();
  const domain = await started(t, libvirt, { flags: PAUSED });
  await libvirt.watch(listener);
  await next("connected");
  const [pid, ...others] = await guestsOf(daemon.dir);
  assert.ok(pid !== undefined && others.length === 0);
  await daemon.stop("SIGKILL");
  await next("disconnected");
  process.kill(pid, "SIGKILL");
  await daemon.start();
  const missed = await next("missed");
  assert.deepEqual(missed, {
    type: "missed",
    before: { domain, state: "paused", reason: "user" },
    after: undefined,
  });
  const again = await started(t, libvirt, { flags: PAUSED });
  const event = await next("lifecycle");
  assert.ok(event.type === "lifecycle" && event.domain.name === again.name);
});

test("the system's socket for readers lets look and watch, and refuses the rest", async (t) => {
  const system = await systemDaemon(t);
  const reader = await Libvirt.open(`test:///default?socket=${system.readOnlySocket}`, { readOnly: true });
  lastFirst(t, () => reader.close());
  assert.equal((await reader.domains()).length, 1);
  const { listener, next } = collector();
  await reader.watch(listener);
  await next("connected");
  const writer = await Libvirt.open(`test:///default?socket=${system.socket}`);
  lastFirst(t, () => writer.close());
  const xml = "<domain type='test'><name>seen</name><memory>8192</memory><os><type>hvm</type></os></domain>";
  const { domain } = await writer.call("domainDefineXmlFlags", { xml, flags: 0 });
  const event = await next("lifecycle");
  assert.deepEqual(event, { type: "lifecycle", domain, event: "defined", detail: "added" });
  for (const act of [
    () => reader.call("domainCreateWithFlags", { domain, flags: 0 }),
    () => reader.call("domainSuspend", { domain }),
  ]) {
    await assert.rejects(act, (error) => isRefusal(error, "operationDenied"));
  }
  const qemu = await Libvirt.open(`qemu:///system?socket=${system.readOnlySocket}`, { readOnly: true });
  lastFirst(t, () => qemu.close());
  await assert.rejects(
    qemu.watch(() => {}, { monitor: true }),
    (error) => isRefusal(error, "operationDenied"),
  );
  // A socket for both: who opened it to read only is held to it.
  const modest = await Libvirt.open(`test:///default?socket=${system.socket}`, { readOnly: true });
  lastFirst(t, () => modest.close());
  await assert.rejects(modest.call("domainUndefineFlags", { domain, flags: 0 }), (error) =>
    isRefusal(error, "operationDenied"),
  );
});
