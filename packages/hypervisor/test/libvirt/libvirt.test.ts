/** The client as a whole against a daemon that misbehaves. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, readFile, stat } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import {
  LibvirtClosedError,
  LibvirtConnectError,
  LibvirtDeadlineError,
  LibvirtProtocolError,
  LibvirtRefusedError,
  LibvirtStreamLimitError,
} from "../../src/libvirt/errors.ts";
import { events } from "../../src/libvirt/events.ts";
import { Libvirt, type LibvirtOptions } from "../../src/libvirt/libvirt.ts";
import { encodePacket, type Packet, Status, Type } from "../../src/libvirt/packet.ts";
import { type Domain, domain as domainLayout, procedures, streamProcedures } from "../../src/libvirt/procedures.ts";
import { dial } from "../../src/libvirt/transport.ts";
import { encode, int, list, string, struct } from "../../src/libvirt/xdr.ts";
import { collector } from "./collector.ts";
import { type Answer, type FakeDaemon, fakeDaemon, greeting, isCall, refuse, reply, streamed } from "./fake-daemon.ts";

const guest = (name: string, id: number): Domain => ({
  name,
  id,
  uuid: `00000000-0000-4000-8000-${Buffer.from(name.padEnd(6)).toString("hex")}`,
});

const getType = (packet: Packet, type = "QEMU") => reply(packet, encode(procedures.connectGetType.result, { type }));

async function opened(
  t: TestContext,
  answer: Answer,
  options: LibvirtOptions = {},
): Promise<{ libvirt: Libvirt; daemon: FakeDaemon }> {
  const daemon = await fakeDaemon(t, greeting(answer));
  const libvirt = await Libvirt.open(daemon.uri, options);
  t.after(() => libvirt.close());
  return { libvirt, daemon };
}

test("guests that answer nothing hold up nobody else", async (t) => {
  // As a libvirtd does it: of one connection it takes five calls at a time, and reads no sixth.
  const pending = new Map<unknown, Packet[]>();
  const { libvirt, daemon } = await opened(t, (packet, socket) => {
    const mine = pending.get(socket) ?? [];
    pending.set(socket, mine);
    if (mine.length >= 5) return;
    if (isCall(packet, "domainReset")) mine.push(packet);
    else if (isCall(packet, "connectGetType")) socket.write(getType(packet));
  });
  const giveUp = new AbortController();
  const patient = { deadlineMs: 60_000, signal: giveUp.signal };
  const stuck = Array.from({ length: 11 }, (_, i) =>
    libvirt.call("domainReset", { domain: guest(`g${i}`, i), flags: 0 }, patient),
  );
  const outcome = Promise.allSettled(stuck);
  for (let i = 0; i < 20; i++) assert.deepEqual(await libvirt.call("connectGetType", {}), { type: "QEMU" });
  assert.equal(daemon.sockets.size, 3);
  const reason = new Error("enough");
  giveUp.abort(reason);
  for (const each of await outcome) assert.ok(each.status === "rejected" && each.reason === reason);
  // Where nobody waits any more the connection is given up.
  assert.deepEqual(await libvirt.call("connectGetType", {}), { type: "QEMU" });
  assert.ok(daemon.sockets.size <= 2);
});

test("calls that were given up keep their place on their connection as long as one on it is waited for", async (t) => {
  const { libvirt, daemon } = await opened(t, (packet, socket) => {
    if (isCall(packet, "connectGetType")) socket.write(getType(packet));
  });
  const waiting = assert.rejects(libvirt.call("connectGetHostname", {}), LibvirtClosedError);
  const given = Array.from({ length: 3 }, () => libvirt.call("connectGetHostname", {}, { deadlineMs: 20 }));
  await Promise.allSettled(given);
  assert.equal(daemon.connections, 1);
  await libvirt.call("connectGetType", {});
  assert.equal(daemon.connections, 2);
  libvirt.close();
  await waiting;
});

test("with every connection full a call waits for room, and not longer than it may", async (t) => {
  const held: (() => void)[] = [];
  const { libvirt, daemon } = await opened(t, (packet, socket) => {
    if (isCall(packet, "connectGetType")) held.push(() => socket.write(getType(packet)));
  });
  const full = Array.from({ length: 32 }, () => libvirt.call("connectGetType", {}, { deadlineMs: 60_000 }));
  while (held.length < full.length) await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(libvirt.call("connectGetType", {}, { deadlineMs: 200 }), LibvirtDeadlineError);
  assert.equal(daemon.sockets.size, 8);
  assert.equal(held.length, 32);
  const patient = libvirt.call("connectGetType", {});
  for (let answered = 0; answered < 33; ) {
    const answer = held.shift();
    answer?.();
    if (answer === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    else answered++;
  }
  assert.deepEqual(await patient, { type: "QEMU" });
  await Promise.all(full);
});

test("many streams share two connections", async (t) => {
  const consoles: { packet: Packet; socket: Socket }[] = [];
  const { libvirt, daemon } = await opened(t, (packet, socket) => {
    if (packet.type !== Type.call || packet.procedure !== streamProcedures.domainOpenConsole.number) return;
    consoles.push({ packet, socket });
    socket.write(reply(packet));
  });
  const before = daemon.sockets.size;
  const heard: string[] = [];
  const open = async (name: string, id: number) => {
    const { stream } = await libvirt.sharedStream("domainOpenConsole", {
      domain: guest(name, id),
      device: undefined,
      flags: 0,
    });
    return stream;
  };
  const streams = await Promise.all(Array.from({ length: 50 }, (_, i) => open(`g${i}`, i)));
  assert.equal(daemon.sockets.size - before, 2);
  const all = Promise.withResolvers<void>();
  for (const [i, stream] of streams.entries()) {
    stream.on("data", (chunk: Buffer) => {
      heard.push(`${i} ${chunk}`);
      if (heard.length === streams.length) all.resolve();
    });
  }
  for (const { packet, socket } of consoles) socket.write(streamed(packet, Status.more, Buffer.from("up")));
  await all.promise;
  assert.deepEqual(new Set(heard).size, 50);
  for (const stream of streams) stream.destroy();
});

test("a connection that is lost is made anew by the next call; what was under way fails", async (t) => {
  let deaf = true;
  const asked = Promise.withResolvers<void>();
  const { libvirt, daemon } = await opened(t, (packet, socket) => {
    if (deaf) asked.resolve();
    else socket.write(getType(packet));
  });
  const call = libvirt.call("connectGetType", {});
  await asked.promise;
  await daemon.stop();
  await assert.rejects(call, LibvirtClosedError);
  await assert.rejects(libvirt.call("connectGetType", {}), LibvirtConnectError);
  deaf = false;
  await daemon.listen();
  assert.deepEqual(await libvirt.call("connectGetType", {}), { type: "QEMU" });
});

test("after it was closed, it makes no calls", async (t) => {
  const { libvirt } = await opened(t, () => {});
  const call = libvirt.call("connectGetType", {});
  libvirt.close();
  await assert.rejects(call, LibvirtClosedError);
  await assert.rejects(libvirt.call("connectGetType", {}), LibvirtClosedError);
});

test("a daemon that takes the connection and says nothing meets the deadline", async (t) => {
  const daemon = await fakeDaemon(t, () => {});
  await assert.rejects(Libvirt.open(daemon.uri, { deadlineMs: 50 }), LibvirtDeadlineError);
});

test("a call may be given all the time there is", async (t) => {
  const { libvirt } = await opened(t, (packet, socket) => socket.write(getType(packet)));
  const options = { deadlineMs: Number.POSITIVE_INFINITY };
  assert.deepEqual(await libvirt.call("connectGetType", {}, options), { type: "QEMU" });
});

test("connecting is cancelled by its signal", async (t) => {
  const controller = new AbortController();
  const reason = new Error("no longer needed");
  const daemon = await fakeDaemon(t, () => controller.abort(reason));
  await assert.rejects(Libvirt.open(daemon.uri, { signal: controller.signal }), (error) => error === reason);
  await assert.rejects(Libvirt.open(daemon.uri, { signal: controller.signal }), (error) => error === reason);
});

test("a guest that is undefined between two calls is left out", async (t) => {
  const [one, two] = [guest("one", 1), guest("two", 2)];
  const { libvirt } = await opened(t, (packet, socket) => {
    if (isCall(packet, "connectGetAllDomainStats")) socket.write(refuse(packet, 3, "this function is not supported"));
    else if (isCall(packet, "connectListAllDomains")) {
      socket.write(reply(packet, encode(procedures.connectListAllDomains.result, { domains: [one, two], count: 2 })));
    } else if (packet.payload.includes("one")) socket.write(refuse(packet, 42, "Domain not found"));
    else socket.write(reply(packet, encode(procedures.domainGetState.result, { state: 3, reason: 6 })));
  });
  assert.deepEqual(await libvirt.domains(), [{ domain: two, state: "paused", reason: "watchdog" }]);
});

test("a daemon that asks for a password, or whose polkit refuses, says so", async (t) => {
  const types = { sasl: [1], polkit: [2] };
  let asked: number[] = types.sasl;
  const daemon = await fakeDaemon(t, (packet, socket) => {
    if (isCall(packet, "authList")) socket.write(reply(packet, encode(procedures.authList.result, { types: asked })));
    else socket.write(refuse(packet, 45, "authentication failed: access denied by policy", 60));
  });
  await assert.rejects(Libvirt.open(daemon.uri), (error) => {
    assert.ok(error instanceof LibvirtConnectError);
    assert.match(error.message, /password \(SASL\)/);
    return true;
  });
  asked = types.polkit;
  await assert.rejects(Libvirt.open(daemon.uri), (error) => {
    assert.ok(error instanceof LibvirtRefusedError);
    assert.equal(error.refusal, "authFailed");
    assert.equal(error.domain, "polkit");
    assert.equal(error.exitCode, 3);
    assert.match(error.hint ?? "", /group libvirt.*org\.libvirt\.unix\.manage/);
    return true;
  });
});

test("no socket, and a socket without a daemon, are told with what to do", async (t) => {
  const daemon = await fakeDaemon(t, () => {});
  await assert.rejects(Libvirt.open(`qemu:///system?socket=${daemon.path}-none`), (error) => {
    assert.ok(error instanceof LibvirtConnectError);
    assert.equal(error.message.split(";")[0], `no libvirt listens at ${daemon.path}-none`);
    assert.match(error.hint ?? "", /start it/);
    return true;
  });
});

test("a socket file that a dead daemon left does not hide the other kind of daemon", async (t) => {
  const dead = await fakeDaemon(t, () => {});
  const alive = await fakeDaemon(t, () => {});
  // A daemon that is killed leaves its file.
  const crashing = spawn(process.execPath, [
    join(import.meta.dirname, "fixtures/leave-socket.ts"),
    `${dead.path}-left`,
  ]);
  await once(crashing, "exit");
  const sockets = [`${dead.path}-none`, `${dead.path}-left`, alive.path];
  const target = { name: "qemu:///system", sockets, readOnly: false, ssh: undefined };
  const road = await dial(target, new AbortController().signal);
  t.after(() => road.destroy());
  await once(road.end(), "finish");
  while (alive.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([dead.connections, alive.connections], [0, 1]);
});

test("a socket that is not ours to open is told with its group", async (t) => {
  const daemon = await fakeDaemon(t, () => {});
  const group = (await readFile("/etc/group", "utf8")).split("\n").map((line) => line.split(":"));
  const root = process.getuid?.() === 0;
  if (root) await chown(daemon.path, 0, Number(group.find(([name]) => name === "users")?.[2]));
  const { gid } = await stat(daemon.path);
  const [name] = group.find((each) => each[2] === String(gid))!;
  await chmod(daemon.path, 0);
  await chmod(join(daemon.path, ".."), 0o755);
  const program = join(import.meta.dirname, "fixtures/open.ts");
  // Root may open everything: then somebody else tries.
  const other = root ? ["--reuid", "65534", "--clear-groups"] : [];
  const { stdout } = await promisify(execFile)("setpriv", [...other, "--", process.execPath, program, daemon.uri]);
  assert.ok(
    stdout.startsWith(`LIBVIRT_CONNECT permission denied at ${daemon.path}; join its group (usermod -aG ${name} USER)`),
    stdout,
  );
});

test("a stream that never ends meets its limits, and its connection goes with it", async (t) => {
  const { libvirt, daemon } = await opened(t, (packet, socket) => {
    if (packet.type !== Type.call) return;
    socket.write(reply(packet, encode(streamProcedures.domainScreenshot.result, { mime: "image/png" })));
    const endless = () => {
      while (!socket.destroyed && socket.write(streamed(packet, Status.more, Buffer.alloc(50_000))));
      socket.once("drain", endless);
    };
    endless();
  });
  const before = daemon.sockets.size;
  await assert.rejects(libvirt.screenshot(guest("a", 1), { maxBytes: 1_000_000 }), LibvirtStreamLimitError);
  const closed = (): Promise<void> =>
    daemon.sockets.size <= before ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, 5)).then(closed);
  await closed();
});

test("a stream that stops in the middle meets the deadline", async (t) => {
  const { libvirt } = await opened(t, (packet, socket) => {
    if (packet.type !== Type.call) return;
    socket.write(reply(packet, encode(streamProcedures.domainScreenshot.result, { mime: undefined })));
    socket.write(streamed(packet, Status.more, Buffer.from("PN")));
  });
  await assert.rejects(libvirt.screenshot(guest("a", 1), { deadlineMs: 50 }), LibvirtDeadlineError);
});

/** A daemon with guests, whose state the test sets. */
class Guests {
  all: [Domain, number, number][] = [];
  /** Ids of events that this libvirt is too old for. */
  unknownEvents: number[] = [];
  readonly registered: number[] = [];

  readonly answer: Answer = (packet, socket) => {
    if (isCall(packet, "connectDomainEventCallbackRegisterAny")) {
      const id = packet.payload.readInt32BE();
      if (this.unknownEvents.includes(id)) {
        socket.write(refuse(packet, 1, `internal error: unsupported event ID ${id}`));
        return;
      }
      this.registered.push(id);
      socket.write(reply(packet, encode(struct({ callback: int }), { callback: id })));
    } else if (isCall(packet, "connectGetAllDomainStats")) socket.write(reply(packet, this.#stats()));
  };

  #stats(): Buffer {
    const parameter = struct({ name: string, type: int, value: int });
    const layout = struct({ records: list(struct({ domain: domainLayout, parameters: list(parameter, 9) }), 99) });
    const records = this.all.map(([domain, state, reason]) => ({
      domain,
      parameters: [
        { name: "state.state", type: 1, value: state },
        { name: "state.reason", type: 1, value: reason },
      ],
    }));
    return encode(layout, { records });
  }
}

const lifecycle = (domain: Domain, event: number, detail: number): Buffer =>
  encodePacket(
    { program: 0x20008086, procedure: 318, type: Type.message, serial: 1, status: Status.ok },
    encode(struct({ callback: int, domain: domainLayout, event: int, detail: int }), {
      callback: 0,
      domain,
      event,
      detail,
    }),
  );

test("a watch comes back by itself, registers again and tells what happened meanwhile", async (t) => {
  const guests = new Guests();
  const [same, fired, restarted, stopped, gone] = ["same", "fired", "restar", "stoppe", "gone"].map((name, i) =>
    guest(name, i + 1),
  ) as [Domain, Domain, Domain, Domain, Domain];
  guests.all = [same, fired, restarted, stopped, gone].map((domain) => [domain, 1, 1]);
  guests.unknownEvents = [25];
  const { libvirt, daemon } = await opened(t, guests.answer);
  const { listener, next, told } = collector();
  await libvirt.watch(listener);
  const first = await next("connected");
  assert.ok(first.type === "connected");
  assert.deepEqual(first.unsupported, ["memoryFailure"]);
  assert.equal(first.guests.length, 5);
  const ids = Object.values(events).map(({ id }) => id);
  assert.deepEqual(guests.registered.toSorted(), ids.filter((id) => id !== 25).toSorted());

  // What was heard before is not told as missed.
  daemon.broadcast(lifecycle(same, 3, 0));
  assert.deepEqual(await next("lifecycle"), {
    type: "lifecycle",
    domain: same,
    event: "suspended",
    detail: "paused",
  });

  await daemon.stop();
  guests.registered.length = 0;
  const again = { ...restarted, id: 9 };
  const off = { ...stopped, id: -1 };
  const fresh = guest("fresh", 10);
  guests.all = [
    [same, 3, 1],
    [fired, 3, 6],
    [again, 1, 1],
    [off, 5, 3],
    [fresh, 1, 1],
  ];
  const lost = await next("disconnected");
  assert.ok(lost.type === "disconnected" && lost.error instanceof LibvirtClosedError && lost.retryMs === 100);
  const refused = await next("disconnected");
  assert.ok(refused.type === "disconnected" && refused.error instanceof LibvirtConnectError && refused.retryMs === 200);
  await daemon.listen();
  await next("connected");
  assert.deepEqual(guests.registered.toSorted(), ids.filter((id) => id !== 25).toSorted());
  const running = { state: "running", reason: "booted" };
  assert.deepEqual(
    told.filter(({ type }) => type === "missed"),
    [
      { before: { domain: fired, ...running }, after: { domain: fired, state: "paused", reason: "watchdog" } },
      { before: { domain: restarted, ...running }, after: { domain: again, ...running } },
      { before: { domain: stopped, ...running }, after: { domain: off, state: "shutoff", reason: "crashed" } },
      { before: undefined, after: { domain: fresh, ...running } },
      { before: { domain: gone, ...running }, after: undefined },
    ].map((change) => ({ type: "missed", ...change })),
  );
  // After a success the waits begin anew.
  told.length = 0;
  daemon.hangUp();
  const third = await next("disconnected");
  assert.ok(third.type === "disconnected" && third.retryMs === 100);
});

test("a connection that ends as the states come is lost like any other", async (t) => {
  const guests = new Guests();
  let replies = 0;
  const { libvirt, daemon } = await opened(t, (packet, socket) => {
    if (!isCall(packet, "connectGetAllDomainStats") || ++replies > 1) guests.answer(packet, socket);
    else socket.write(Buffer.concat([reply(packet, Buffer.alloc(4)), Buffer.alloc(4)])); // no guests, and a length of 0
  });
  const { listener, next } = collector();
  await libvirt.watch(listener);
  await next("connected");
  const lost = await next("disconnected");
  assert.ok(lost.type === "disconnected" && lost.error instanceof LibvirtProtocolError);
  await next("connected");
  daemon.broadcast(lifecycle(guest("one", 1), 2, 0));
  await next("lifecycle");
});

test("what a daemon that has just started finds out a moment later, and tells nobody, is told", async (t) => {
  const guests = new Guests();
  const one = guest("one", 1);
  guests.all = [[one, 1, 1]];
  const { libvirt, daemon } = await opened(t, guests.answer);
  const { listener, next } = collector();
  await libvirt.watch(listener);
  await next("connected");
  daemon.hangUp();
  await next("disconnected");
  await next("connected");
  const off = { ...one, id: -1 };
  guests.all = [[off, 5, 3]];
  assert.deepEqual(await next("missed"), {
    type: "missed",
    before: { domain: one, state: "running", reason: "booted" },
    after: { domain: off, state: "shutoff", reason: "crashed" },
  });
});

test("what a guest said before its event is heard at once, though what streams share is read twice a second", async (t) => {
  const guests = new Guests();
  const one = guest("one", 1);
  guests.all = [[one, 1, 1]];
  let console: { packet: Packet; socket: Socket } | undefined;
  const { libvirt, daemon } = await opened(t, (packet, socket) => {
    guests.answer(packet, socket);
    if (packet.type !== Type.call || packet.procedure !== streamProcedures.domainOpenConsole.number) return;
    console = { packet, socket };
    socket.write(reply(packet));
  });
  const { listener, next } = collector();
  await libvirt.watch(listener);
  t.mock.timers.enable({ apis: ["setTimeout"] }); // no rest ends by itself
  const { stream } = await libvirt.sharedStream("domainOpenConsole", { domain: one, device: undefined, flags: 0 });
  const words = once(stream, "data");
  console!.socket.write(streamed(console!.packet, Status.more, Buffer.from("die")));
  daemon.broadcast(lifecycle(one, 3, 0));
  await next("lifecycle");
  assert.equal(String(await words), "die");
  stream.destroy();
});

test("events that come before the states are known are told after them", async (t) => {
  const guests = new Guests();
  const one = guest("one", 1);
  guests.all = [[one, 1, 1]];
  const { libvirt } = await opened(t, (packet, socket) => {
    if (isCall(packet, "connectGetAllDomainStats")) socket.write(lifecycle(one, 3, 3));
    guests.answer(packet, socket);
  });
  const { listener, told } = collector();
  await libvirt.watch(listener);
  assert.deepEqual(
    told.map(({ type }) => type),
    ["connected", "lifecycle"],
  );
});

test("a watch that is closed tells nothing any more, and leaves no connection", async (t) => {
  const guests = new Guests();
  const { libvirt, daemon } = await opened(t, guests.answer);
  const { listener, told } = collector();
  const watch = await libvirt.watch(listener);
  const [calls, events] = [...daemon.sockets];
  assert.ok(calls !== undefined && events !== undefined);
  const gone = new Promise<void>((resolve) => events.once("close", () => resolve()));
  watch.close();
  await gone;
  assert.deepEqual(
    told.map(({ type }) => type),
    ["connected"],
  );
});
