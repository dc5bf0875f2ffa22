/** What is special to guests that are found by their monitors' sockets; the rest is the contract's. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { isFailure } from "../src/errors.ts";
import type { GuestId, Hypervisor, HypervisorEvent } from "../src/hypervisor.ts";
import { openHypervisor } from "../src/open-hypervisor.ts";
import { openQemu } from "../src/qemu/adapter.ts";
import { hardwareOf } from "../src/qemu/guest-hardware.ts";
import { GREETING, greetedClient, reply } from "./fake-monitor.ts";
import { collector } from "./libvirt/collector.ts";
import { lastFirst } from "./libvirt/last-first.ts";
import { type EmulatorOptions, startEmulator } from "./qemu-process.ts";

const UUID = "3b7f0f6e-6a51-4c8c-9a57-3f3a2f1b0c0d";

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "bv,")); // a comma, which QEMU's option lists must not stumble over
  lastFirst(t, () => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function opened(t: TestContext, dir: string): Promise<Hypervisor> {
  const hypervisor = await openQemu(dir);
  lastFirst(t, () => hypervisor.close());
  return hypervisor;
}

async function watched(hypervisor: Hypervisor) {
  const heard = collector<HypervisorEvent>();
  await hypervisor.watch(heard.listener);
  await heard.next("connected");
  const lifecycle = async (words: string) => {
    const event = await heard.nextWhere(
      (each) => each.type === "lifecycle" && `${each.change} ${each.detail}` === words,
    );
    assert.ok(event.type === "lifecycle");
    return event.guest;
  };
  return { ...heard, lifecycle };
}

/** An emulator with one monitor `dir/NAME.sock`. */
async function start(t: TestContext, dir: string, options: Partial<EmulatorOptions> = {}) {
  const monitors = [join(dir, "tiny.sock")];
  return await startEmulator(t, { name: "tiny", dir: await folder(t), monitors, ...options });
}

/** A peer that is no QEMU. */
async function listen(t: TestContext, path: string, greet: (socket: Socket) => void): Promise<Server> {
  const peers = new Set<Socket>();
  const server = createServer((socket) => {
    peers.add(socket.on("error", () => {}));
    greet(socket);
  });
  server.listen(path);
  await once(server, "listening");
  lastFirst(t, () => {
    for (const peer of peers) peer.destroy();
    server.close();
  });
  return server;
}

test("a guest comes, is killed, leaves its socket and comes again; each is told once", async (t) => {
  const dir = await folder(t);
  const hypervisor = await opened(t, dir);
  const { told, lifecycle } = await watched(hypervisor);
  const first = await start(t, dir, { uuid: UUID });
  const booted = await lifecycle("started booted");
  assert.deepEqual(
    { ...booted, run: "" },
    { uuid: UUID, name: "tiny", run: "", state: "paused", reason: "starting-up" },
  );
  assert.ok(booted.run?.startsWith(`${first.pid}-`));
  process.kill(first.pid, "SIGKILL");
  const off = { uuid: UUID, name: "tiny", run: undefined, state: "shutoff", reason: "failed" };
  assert.deepEqual(await lifecycle("stopped failed"), off);
  assert.deepEqual(await hypervisor.guests(), [off]);
  for (const ask of [() => hypervisor.act(off as never, "reset"), () => hypervisor.counters(off as never)]) {
    await assert.rejects(ask, (error) => isFailure(error, "wrong-state"));
  }
  await start(t, dir, { uuid: UUID });
  const again = await lifecycle("started booted");
  assert.ok(again.uuid === UUID && again.run !== undefined && again.run !== booted.run);
  await rm(join(dir, "tiny.sock")); // whoever does this: its connection is there still
  assert.equal((await hypervisor.guest("tiny")).state, "paused");
  assert.deepEqual(told, []);
});

for (const [what, end, words] of [
  ["is told to quit", (qmp) => qmp.execute("quit"), ["stopped destroyed"]],
  ["gets a signal", (_, pid) => process.kill(pid, "SIGTERM"), ["shutdown host", "stopped shutdown"]],
] as const satisfies readonly (readonly [
  string,
  (qmp: Awaited<ReturnType<typeof startEmulator>>["qmp"], pid: number) => unknown,
  readonly string[],
])[]) {
  test(`how an emulator ended is told when it ${what}, and then it is gone`, async (t) => {
    const dir = await folder(t);
    const { qmp, pid } = await start(t, dir);
    const hypervisor = await opened(t, dir);
    const { lifecycle } = await watched(hypervisor);
    await end(qmp, pid);
    for (const each of words) await lifecycle(each);
    assert.deepEqual(await hypervisor.guests(), []);
  });
}

test("a guest without a UUID gets one of its socket, the same at its next start", async (t) => {
  const dir = await folder(t);
  const hypervisor = await opened(t, dir);
  const first = await start(t, dir);
  const { uuid, run } = await hypervisor.guest("tiny");
  assert.match(uuid, /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  await first.remove();
  await start(t, dir);
  const again = await hypervisor.guest(uuid);
  assert.notEqual(again.run, run);
});

test("two sockets of one guest are one guest, and tell everything once", async (t) => {
  for (const uuid of [UUID, undefined]) {
    const dir = await folder(t);
    const monitors = ["a", "b"].map((name) => join(dir, `${name}.sock`));
    const { qmp } = await start(t, dir, { monitors, ...(uuid && { uuid }) });
    const hypervisor = await opened(t, dir);
    const [guest, ...others] = await hypervisor.guests();
    assert.deepEqual(others, []);
    const { told, lifecycle } = await watched(hypervisor);
    await qmp.execute("cont");
    await lifecycle("resumed unpaused");
    await qmp.execute("stop");
    await lifecycle("suspended paused");
    await hypervisor.act(guest!, "poweroff");
    await lifecycle("stopped destroyed");
    assert.deepEqual(
      told.filter((event) => event.type === "lifecycle" || event.type === "missed"),
      [],
    );
  }
});

test("what happens while a monitor is lost is told afterwards, and calls wait for it", async (t) => {
  const dir = await folder(t);
  const real = join(dir, "real");
  const { qmp } = await start(t, dir, { monitors: [real], uuid: UUID });
  const relayed = await folder(t);
  const path = join(relayed, "relay.sock");
  const pairs: [Socket, Socket][] = [];
  let hold: [Socket, Socket] | undefined;
  let lost = false;
  const relay = (pair: [Socket, Socket]) => {
    pairs.push(pair);
    pair[0].pipe(pair[1]).pipe(pair[0]);
  };
  await listen(t, path, (client) => {
    const upstream = connect(real).on("error", () => {});
    lastFirst(t, () => upstream.destroy());
    if (lost) hold = [client, upstream];
    else relay([client, upstream]);
  });
  const hypervisor = await opened(t, relayed);
  const before = await hypervisor.guest(UUID);
  assert.equal(before.state, "paused");
  const { next, told } = await watched(hypervisor);
  lost = true;
  for (const each of pairs.flat()) each.destroy();
  const { guest } = await next("monitor-lost");
  assert.deepEqual(guest, { uuid: UUID, name: "tiny", run: before.run });
  assert.ok((await next("disconnected")).retryMs > 0);
  await qmp.execute("cont");
  const waiting = hypervisor.act(before, "inject-nmi");
  const short = hypervisor.act(before, "reset", { deadlineMs: 50 });
  await assert.rejects(short, (error) => isFailure(error, "no-answer"));
  relay(hold!);
  const missed = await next("missed");
  assert.deepEqual([missed.before, missed.after], [before, { ...before, state: "running", reason: "unknown" }]);
  assert.deepEqual((await next("connected")).guests, [missed.after]);
  await waiting;
  assert.deepEqual(
    told.filter(({ type }) => type !== "fire"),
    [],
  );
});

test("a monitor that another program holds is unknown, and heard once it is free", async (t) => {
  const dir = await folder(t);
  await start(t, dir, { uuid: UUID });
  const holder = connect(join(dir, "tiny.sock"));
  lastFirst(t, () => holder.destroy());
  await once(holder, "data");
  const hypervisor = await opened(t, dir);
  const unknown = await hypervisor.guest("tiny");
  assert.deepEqual([unknown.uuid, unknown.state, unknown.reason], [UUID, "unknown", "unknown"]); // by its arguments
  await assert.rejects(hypervisor.hardware(unknown, "now", { deadlineMs: 50 }), (error) =>
    isFailure(error, "no-answer"),
  );
  const { next } = await watched(hypervisor);
  holder.destroy();
  const { before, after } = await next("missed");
  assert.deepEqual(before, unknown);
  assert.deepEqual(after, { ...unknown, state: "paused", reason: "starting-up" });
});

test("one that is held can be powered off all the same, for its process is known for certain", async (t) => {
  const dir = await folder(t);
  const { pid } = await start(t, dir);
  const holder = connect(join(dir, "tiny.sock"));
  lastFirst(t, () => holder.destroy());
  await once(holder, "data");
  const hypervisor = await opened(t, dir);
  const guest = await hypervisor.guest("tiny");
  await hypervisor.act(guest, "poweroff", { deadlineMs: 2_000 });
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

const noise = Buffer.alloc(64 * 1024, "x");

const hostile: Readonly<Record<string, (socket: Socket) => void>> = {
  "never answers": () => {},
  "closes at once": (socket) => socket.destroy(),
  "speaks no QMP": (socket) => socket.write("220 mail.example.org ESMTP\r\n"),
  "greets and then answers nothing": (socket) => socket.write(GREETING),
  "greets and then closes": (socket) => socket.end(GREETING),
  "answers everything with nonsense": (socket) => {
    socket.write(GREETING);
    socket.on("data", (chunk) => {
      for (const [, id] of `${chunk}`.matchAll(/"id":(\d+)/g)) {
        socket.write(`{"return": {"UUID": 7, "name": ["\\u0000"], "status": {}}, "id": ${id}}\n`);
        socket.write(`{"event": "STOP"}\n{"event": "WATCHDOG", "data": {"action": 9}}\n{"event": "RESET"}\n`);
      }
    });
  },
  "says more than anyone can hear": (socket) => {
    const pour = () => {
      while (!socket.destroyed && socket.write(noise)) {}
    };
    socket.on("drain", pour);
    pour();
  },
};

for (const [what, greet] of Object.entries(hostile)) {
  test(`a socket whose peer ${what} holds up nobody`, async (t) => {
    const dir = await folder(t);
    await listen(t, join(dir, "hostile.sock"), greet);
    await start(t, dir, { uuid: UUID });
    const hypervisor = await opened(t, dir);
    const guests = await hypervisor.guests();
    assert.equal(guests.find(({ uuid }) => uuid === UUID)?.state, "paused");
    for (const { uuid, name, state, reason } of guests) {
      if (uuid !== UUID) assert.deepEqual([name, state, reason], ["hostile", "unknown", "unknown"]);
    }
    await hypervisor.act({ uuid: UUID, name: "tiny", run: undefined }, "reset");
  });
}

test("a socket that nobody has listened at is no guest, nor is a file", async (t) => {
  const dir = await folder(t);
  const path = join(dir, "stale.sock");
  const leave = join(import.meta.dirname, "libvirt/fixtures/leave-socket.ts");
  await once(spawn(process.execPath, [leave, path], { stdio: "ignore" }), "exit");
  await writeFile(join(dir, "notes.txt"), "");
  const hypervisor = await opened(t, dir);
  assert.deepEqual(await hypervisor.guests(), []);
  await start(t, dir, { monitors: [path] });
  assert.equal((await hypervisor.guest("tiny")).state, "paused");
});

for (const [what, uri, kind, message] of [
  ["that is not there", "qmp:///nowhere/qmp", "unreachable", /no folder \/nowhere\/qmp; make it, .*qemu-sockets\.md/],
  ["that is a file", `qmp://${import.meta.filename}`, "unreachable", /is no folder; name the folder/],
] as const) {
  test(`a folder ${what} is an error that says what to do`, async () => {
    await assert.rejects(openHypervisor(uri), (error) => {
      assert.ok(isFailure(error, kind));
      assert.match(error.message, message);
      return true;
    });
  });
}

/** What an ordinary user sees there. */
async function seen(dir: string): Promise<string> {
  const look = [process.execPath, join(import.meta.dirname, "fixtures/look.ts"), `qmp://${dir}`];
  // Root may do everything by these two.
  const asUser = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"];
  const command = process.getuid?.() === 0 ? [...asUser, ...look] : look;
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  return await text(child.stdout);
}

test("who may not read the folder, or speak to a monitor, is told what to do", async (t) => {
  const dir = await folder(t);
  await start(t, dir);
  await chmod(join(dir, "tiny.sock"), 0);
  const hint = "run this as the user who started that QEMU, or as root";
  assert.equal(await seen(dir), `tiny unknown\nno permission for the monitor ${dir}/tiny.sock; ${hint}\n`);
  await chmod(dir, 0);
  assert.equal(await seen(dir), `no permission to read the folder ${dir}; run this as its owner, or as root\n`);
  await chmod(dir, 0o700);
});

test("a URI that names no folder is a mistake of usage", async () => {
  await assert.rejects(openHypervisor("qmp://bernard"), { exitCode: 2, message: /qmp:\/\/bernard names no folder/ });
});

test("hardware is read from QEMU's objects and its arguments", async (t) => {
  const dir = await folder(t);
  const more = ["-machine", "q35", "-device", "i6300esb", "-watchdog-action", "shutdown"];
  await start(t, dir, { more, action: "pause" });
  const hypervisor = await opened(t, dir);
  const guest = await hypervisor.guest("tiny");
  const hardware = await hypervisor.hardware(guest, "now");
  assert.match(hardware.machine, /^pc-q35-\d+\.\d+$/);
  assert.deepEqual(
    hardware.watchdogs.toSorted((one, other) => one.model.localeCompare(other.model)),
    [
      { model: "i6300esb", origin: "declared" },
      { model: "ib700", origin: "declared" },
      { model: "itco", origin: "implicit" },
    ],
  );
  assert.equal(hardware.action, "shutdown");
  assert.deepEqual(hardware.channels, [{ name: "org.bernard.guest.0", open: false }]);
  assert.deepEqual([hardware.consoleLogged, hardware.owner, hardware.os], [false, undefined, undefined]);
  await hypervisor.setWatchdogAction(guest, "pause");
  assert.equal((await hypervisor.hardware(guest, "now")).action, "pause");
});

test("a guest of Proxmox VE is known by where its process id is kept", async (t) => {
  const { client } = await greetedClient(t, (command, theirs) => theirs.write(reply(command, [])));
  const ask = (command: string) => client.execute(command);
  const emulator = { pid: 1, startedAt: "1", certain: true };
  const ownerOf = async (pidfile: string) =>
    (await hardwareOf(ask, { ...emulator, arguments: ["-id", "100", "-pidfile", pidfile] }, undefined)).owner;
  const mark = "its QEMU was started with -pidfile /var/run/qemu-server/100.pid";
  assert.deepEqual(await ownerOf("/var/run/qemu-server/100.pid"), { name: "proxmox", mark });
  assert.equal(await ownerOf("/run/web1.pid"), undefined);
});

test("an i6300esb bears the mark of its fire", async (t) => {
  const dir = await folder(t);
  await start(t, dir, { action: "pause", more: ["-device", "i6300esb"] });
  const hypervisor = await opened(t, dir);
  const { lifecycle } = await watched(hypervisor);
  const guest: GuestId = await hypervisor.guest("tiny");
  assert.equal(await hypervisor.fireMark(guest), undefined); // its memory is not mapped yet
  await hypervisor.act(guest, "resume");
  await lifecycle("suspended watchdog"); // by the ib700, at once
  assert.equal(await hypervisor.fireMark(guest), false);
  await hypervisor.act(guest, "resume");
  await lifecycle("suspended watchdog");
  assert.equal(await hypervisor.fireMark(guest), true);
});

test("a dump overwrites nothing", async (t) => {
  const dir = await folder(t);
  await start(t, dir);
  const hypervisor = await opened(t, dir);
  const guest = await hypervisor.guest("tiny");
  const file = join(dir, "precious");
  await writeFile(file, "");
  await assert.rejects(hypervisor.dumpMemory(guest, file), /is there already; name one that is not there/);
  await assert.rejects(hypervisor.dumpMemory(guest, "core"), /no absolute path/);
  await assert.rejects(hypervisor.dumpMemory(guest, join(dir, "no/core")), (error) => isFailure(error, "failed"));
});

test("a guest without a screen, or with a console that is no socket, says that it is unsupported", async (t) => {
  const dir = await folder(t);
  await start(t, dir, {
    more: ["-vga", "none", "-chardev", "null,id=nothing", "-device", "virtserialport,chardev=nothing,name=a"],
  });
  const hypervisor = await opened(t, dir);
  const guest = await hypervisor.guest("tiny");
  const unsupported = (error: unknown) => isFailure(error, "unsupported");
  await assert.rejects(hypervisor.screenshot(guest), unsupported);
  await assert.rejects(hypervisor.channel(guest, "a"), /its other end is null, not a UNIX socket/);
  await assert.rejects(hypervisor.act(guest, "start"), unsupported);
});
