import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import {
  LibvirtClosedError,
  LibvirtDeadlineError,
  LibvirtProtocolError,
  LibvirtRefusedError,
  LibvirtStreamLimitError,
} from "../../src/libvirt/errors.ts";
import type { LibvirtEvent } from "../../src/libvirt/events.ts";
import { encodePacket, type Packet, Program, Status, Type } from "../../src/libvirt/packet.ts";
import { procedures, streamProcedures } from "../../src/libvirt/procedures.ts";
import { RpcConnection } from "../../src/libvirt/rpc-connection.ts";
import { dial } from "../../src/libvirt/transport.ts";
import { encode } from "../../src/libvirt/xdr.ts";
import { type Answer, type FakeDaemon, fakeDaemon, greeting, ping, refuse, reply, streamed } from "./fake-daemon.ts";
import { recorded } from "./recorded.ts";

const { connectGetType: getType } = procedures;
const { domainScreenshot, domainOpenConsole } = streamProcedures;
const domain = { name: "wd-pause", uuid: "9a9f5bcf-e189-414a-9a2f-eff3117dd7e3", id: 1 };
const SCREEN = { domain, screen: 0, flags: 0 };
const CONSOLE = { domain, device: undefined, flags: 0 };
const pngReply = (call: Packet) => reply(call, encode(domainScreenshot.result, { mime: "image/png" }));
const typeReply = (call: Packet, type: string) => reply(call, encode(getType.result, { type }));

/** A connection to a daemon that answers so. */
async function connected(
  t: TestContext,
  answer: Answer,
  restMs?: number,
): Promise<{ connection: RpcConnection; daemon: FakeDaemon }> {
  const daemon = await fakeDaemon(t, answer);
  const target = { name: "qemu:///system", sockets: [daemon.path], readOnly: false, ssh: undefined };
  const connection = new RpcConnection(await dial(target, t.signal), restMs);
  t.after(() => connection.close());
  return { connection, daemon };
}

const ask = (connection: RpcConnection, options = {}) => connection.call("connectGetType", getType, {}, options);

test("each call gets its own reply, in whatever order they come", async (t) => {
  const held: Packet[] = [];
  const { connection } = await connected(t, (packet, socket) => {
    held.push(packet);
    if (held.length < 3) return;
    socket.write(Buffer.concat(held.toReversed().map((call) => typeReply(call, `call ${call.serial}`))));
  });
  const replies = await Promise.all([ask(connection), ask(connection), ask(connection)]);
  assert.deepEqual(
    replies.map(({ type }) => type),
    ["call 1", "call 2", "call 3"],
  );
  assert.equal(connection.underWay, 0);
});

test("a reply may come byte by byte, with events around it that carry its serial", async (t) => {
  const { connection } = await connected(t, (packet, socket) => {
    const all = Buffer.concat([recorded.watchdogEvent, typeReply(packet, "QEMU"), recorded.lifecycleEvent]);
    for (const byte of all) socket.write(Uint8Array.of(byte));
  });
  const events: LibvirtEvent[] = [];
  const second = new Promise<void>((resolve) => {
    connection.onEvent((event) => {
      if (events.push(event) === 2) resolve();
    });
  });
  assert.deepEqual(await ask(connection), { type: "QEMU" });
  await second;
  assert.deepEqual(
    events.map(({ type }) => type),
    ["watchdog", "lifecycle"],
  );
});

test("ten thousand events in one go are told in their order", async (t) => {
  const { connection } = await connected(t, (packet, socket) => {
    const events = Array.from({ length: 10_000 }, (_, i) => {
      const event = Buffer.from(recorded.watchdogEvent);
      event.writeInt32BE(i, 60); // the guest's id
      return event;
    });
    socket.write(Buffer.concat([...events, typeReply(packet, "QEMU")]));
  });
  const ids: number[] = [];
  connection.onEvent((event) => ids.push(event.domain.id));
  await ask(connection);
  assert.deepEqual(
    ids,
    Array.from({ length: 10_000 }, (_, i) => i),
  );
});

test("a refusal has libvirt's code, part and words, and a hint", async (t) => {
  const { connection } = await connected(t, (packet, socket) => {
    const bytes = Buffer.from(recorded.unknownProcedureReply);
    bytes.writeInt32BE(packet.procedure, 12);
    bytes.writeUInt32BE(packet.serial, 20);
    socket.write(bytes);
  });
  await assert.rejects(ask(connection), (error) => {
    assert.ok(error instanceof LibvirtRefusedError);
    assert.equal(error.code, "LIBVIRT_REFUSED");
    assert.equal(error.errorCode, 39);
    assert.equal(error.refusal, "rpc");
    assert.equal(error.domain, "rpc");
    assert.equal(error.description, "unknown procedure: 9999");
    assert.match(error.hint ?? "", /older than the call/);
    return true;
  });
});

test("an error that we do not know keeps its number; one without words has at least that", async (t) => {
  const { connection } = await connected(t, (packet, socket) => socket.write(refuse(packet, 7777, undefined, 99)));
  await assert.rejects(ask(connection), (error) => {
    assert.ok(error instanceof LibvirtRefusedError);
    assert.equal(error.errorCode, 7777);
    assert.equal(error.refusal, undefined);
    assert.equal(error.domain, "part 99");
    assert.equal(error.description, "error 7777");
    return true;
  });
});

test("a call meets its deadline; its late reply is ignored, and so is one that comes twice", async (t) => {
  let late: Packet | undefined;
  const { connection } = await connected(t, (packet, socket) => {
    if (late === undefined) late = packet;
    else socket.write(Buffer.concat([typeReply(late, "late"), typeReply(packet, "good"), typeReply(packet, "again")]));
  });
  await assert.rejects(ask(connection, { deadlineMs: 20 }), LibvirtDeadlineError);
  assert.equal(connection.clogged, true);
  assert.deepEqual(await ask(connection), { type: "good" });
  assert.equal(connection.underWay, 0);
  assert.equal(connection.dropped, 1);
});

test("a call is cancelled by its signal, with the signal's reason", async (t) => {
  const asked = Promise.withResolvers<void>();
  const { connection } = await connected(t, () => asked.resolve());
  const controller = new AbortController();
  const call = ask(connection, { signal: controller.signal });
  await asked.promise;
  const reason = new Error("no longer needed");
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  await assert.rejects(ask(connection, { signal: controller.signal }), (error) => error === reason);
});

test("replies to no call of ours, other programs and versions, and events that cannot be read are dropped", async (t) => {
  const { connection } = await connected(t, (packet, socket) => {
    const cut = Buffer.from(recorded.watchdogEvent.subarray(0, 64)); // without its action
    cut.writeUInt32BE(64, 0);
    const program = Buffer.from(recorded.watchdogEvent);
    program.writeUInt32BE(0x20008088, 4);
    const version = Buffer.from(recorded.watchdogEvent);
    version.writeUInt32BE(2, 8);
    const type = Buffer.from(recorded.watchdogEvent);
    type.writeUInt32BE(6, 16);
    const unknown = typeReply({ ...packet, serial: 4711 }, "whose?");
    socket.write(Buffer.concat([unknown, cut, program, version, type, typeReply(packet, "QEMU")]));
  });
  const events: LibvirtEvent[] = [];
  connection.onEvent((event) => events.push(event));
  assert.deepEqual(await ask(connection), { type: "QEMU" });
  assert.equal(connection.dropped, 5);
  assert.deepEqual(events, []);
});

test("a reply that cannot be read, or speaks of another call, fails that call alone", async (t) => {
  let count = 0;
  const { connection } = await connected(t, (packet, socket) => {
    count++;
    if (count === 1) socket.write(reply(packet, Buffer.from("00000009", "hex")));
    else if (count === 2) socket.write(typeReply({ ...packet, procedure: 59 }, "QEMU"));
    else if (count === 3) socket.write(encodePacket({ ...packet, type: Type.reply, status: 9 }));
    else socket.write(typeReply(packet, "QEMU"));
  });
  await assert.rejects(ask(connection), LibvirtProtocolError);
  await assert.rejects(ask(connection), LibvirtProtocolError);
  await assert.rejects(ask(connection), LibvirtProtocolError);
  assert.deepEqual(await ask(connection), { type: "QEMU" });
});

for (const length of [0, 27, 2 ** 31]) {
  test(`a packet of ${length} bytes ends the connection and what is under way on it`, async (t) => {
    const { connection } = await connected(t, (_, socket) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(length);
      socket.write(bytes);
    });
    const closed = new Promise<Error>((resolve) => connection.onClose(resolve));
    await assert.rejects(ask(connection), LibvirtProtocolError);
    assert.ok((await closed) instanceof LibvirtProtocolError);
    await assert.rejects(ask(connection), LibvirtProtocolError);
  });
}

test("a daemon that dies in the middle of a reply fails every call under way", async (t) => {
  const { connection } = await connected(t, (packet, socket) => {
    if (packet.serial === 2) socket.end(typeReply(packet, "QEMU").subarray(0, 30));
  });
  const calls = await Promise.allSettled([ask(connection), ask(connection)]);
  for (const call of calls) {
    assert.equal(call.status, "rejected");
    assert.ok(call.reason instanceof LibvirtClosedError);
  }
  assert.equal(connection.closed, true);
});

test("keepalive is asked for; pings are answered, and ours go unanswered only so often", async (t) => {
  const pongs = Promise.withResolvers<void>();
  const { connection, daemon } = await connected(
    t,
    greeting((packet) => {
      if (packet.program === Program.keepalive && packet.procedure === 2) pongs.resolve();
    }),
  );
  const closed = new Promise<Error>((resolve) => connection.onClose(resolve));
  await connection.keepAlive({}, { intervalMs: 20, count: 3 });
  daemon.broadcast(ping());
  await pongs.promise;
  assert.match((await closed).message, /left 3 keepalive questions unanswered/);
  // What it has heard last is the daemon's own question: those before its answer to that do not count.
  const keepalives = daemon.packets.filter(({ program }) => program === Program.keepalive);
  const pings = keepalives.slice(keepalives.findIndex(({ procedure }) => procedure === 2) + 1);
  assert.ok(pings.every(({ procedure }) => procedure === 1));
  assert.deepEqual(
    pings.map(({ serial, type, payload }) => [serial, type, payload.length]),
    Array.from({ length: 3 }, () => [0, Type.message, 0]),
  );
});

test("a daemon that answers our pings stays, however little it says", async (t) => {
  let pings = 0;
  const enough = Promise.withResolvers<void>();
  const { connection } = await connected(
    t,
    greeting((packet, socket) => {
      if (packet.program !== Program.keepalive || packet.procedure !== 1) return;
      socket.write(encodePacket({ ...packet, procedure: 2 }));
      if (++pings === 6) enough.resolve();
    }),
  );
  await connection.keepAlive({}, { intervalMs: 10, count: 2 });
  await enough.promise;
  assert.equal(connection.closed, false);
  assert.equal(connection.dropped, 0);
});

test("a daemon that knows no keepalive is not asked whether it lives", async (t) => {
  const { connection, daemon } = await connected(t, (packet, socket) => {
    const asked = packet.procedure === procedures.connectSupportsFeature.number;
    socket.write(asked ? reply(packet, Buffer.alloc(4)) : typeReply(packet, "QEMU"));
  });
  await connection.keepAlive({}, { intervalMs: 5, count: 1 });
  await new Promise((resolve) => setTimeout(resolve, 50)); // ten intervals
  assert.deepEqual(await ask(connection), { type: "QEMU" });
  assert.equal(daemon.packets.length, 2);
});

test("a daemon that does not read makes the writer of a stream wait", async (t) => {
  const PIECE = 100_000;
  let received = 0;
  let theirs: Socket | undefined;
  const { connection } = await connected(t, (packet, socket) => {
    if (packet.type === Type.call) {
      socket.write(reply(packet));
      socket.pause();
      theirs = socket;
    } else if (packet.status === Status.more) received += packet.payload.length;
    else socket.write(streamed(packet, Status.ok));
  });
  const { stream } = await connection.openStream("console", domainOpenConsole, CONSOLE);
  stream.resume();
  let taken = 0;
  const write = () =>
    stream.write(Buffer.alloc(PIECE), () => {
      taken++;
    });
  for (let i = 0; i < 100; i++) write();
  await new Promise((resolve) => setTimeout(resolve, 100)); // time in which all of it could have gone
  assert.ok(taken < 50, `${taken} of 100 pieces taken for a daemon that does not read`);
  theirs?.resume();
  stream.end();
  await once(stream, "close");
  assert.deepEqual([taken, received], [100, 100 * PIECE]);
});

/** A daemon's threads send the reply and the stream, each when it gets to it: where the reply is among four packets. */
for (const place of [0, 1, 3]) {
  test(`a screenshot that comes in one piece with its reply behind ${place} of it is read to its end`, async (t) => {
    const finished = Promise.withResolvers<void>();
    const { connection } = await connected(t, (packet, socket) => {
      if (packet.type === Type.call) {
        const packets = ["PN", "G", ""].map((data) => streamed(packet, Status.more, Buffer.from(data)));
        socket.write(Buffer.concat(packets.toSpliced(place, 0, pngReply(packet))));
      } else if (packet.status === Status.ok) {
        socket.write(streamed(packet, Status.ok));
        finished.resolve();
      }
    });
    const { result, stream } = await connection.openStream("screenshot", domainScreenshot, SCREEN);
    assert.deepEqual(result, { mime: "image/png" });
    assert.equal(Buffer.concat(await stream.toArray()).toString(), "PNG");
    await finished.promise;
    assert.equal(connection.dropped, 0);
  });
}

test("a stream that the daemon ends with an error fails with it", async (t) => {
  const { connection } = await connected(t, (packet, socket) => {
    const refusal = refuse(packet, 38, "the disk is gone");
    refusal.writeUInt32BE(Type.stream, 16);
    socket.write(Buffer.concat([pngReply(packet), streamed(packet, Status.more, Buffer.from("PN")), refusal]));
  });
  const { stream } = await connection.openStream("screenshot", domainScreenshot, SCREEN);
  await assert.rejects(stream.toArray(), (error) => {
    assert.ok(error instanceof LibvirtRefusedError);
    assert.equal(error.description, "the disk is gone");
    return true;
  });
});

test("a stream fails when the daemon dies", async (t) => {
  const { connection } = await connected(t, (packet, socket) => socket.end(pngReply(packet)));
  const { stream } = await connection.openStream("screenshot", domainScreenshot, SCREEN);
  await assert.rejects(stream.toArray(), LibvirtClosedError);
});

test("what is written goes out in pieces that every daemon takes; ending it is a finish", async (t) => {
  const written: number[] = [];
  const { connection } = await connected(t, (packet, socket) => {
    if (packet.type === Type.call) socket.write(reply(packet));
    else if (packet.status === Status.more) written.push(packet.payload.length);
    else socket.write(streamed(packet, Status.ok));
  });
  const { stream } = await connection.openStream("console", domainOpenConsole, CONSOLE);
  stream.resume();
  stream.end(Buffer.alloc(600_000));
  await once(stream, "close");
  assert.deepEqual(written, [262_120, 262_120, 75_760]);
});

test("a stream that is destroyed is aborted in the daemon", async (t) => {
  const aborted = Promise.withResolvers<Packet>();
  const { connection } = await connected(t, (packet, socket) => {
    if (packet.type === Type.call) socket.write(reply(packet));
    else aborted.resolve(packet);
  });
  const { stream } = await connection.openStream("console", domainOpenConsole, CONSOLE);
  stream.destroy();
  const { status, payload, serial } = await aborted.promise;
  assert.deepEqual([status, payload.length, serial], [Status.error, 0, 1]);
});

test("a stream whose opener has given up is aborted when it opens", async (t) => {
  const opening = Promise.withResolvers<Packet>();
  const aborted = Promise.withResolvers<number>();
  const { connection, daemon } = await connected(t, (packet) => {
    if (packet.type === Type.call) opening.resolve(packet);
    else aborted.resolve(packet.status);
  });
  await assert.rejects(
    connection.openStream("console", domainOpenConsole, CONSOLE, { deadlineMs: 20 }),
    LibvirtDeadlineError,
  );
  daemon.broadcast(reply(await opening.promise));
  assert.equal(await aborted.promise, Status.error);
});

test("of streams that share a connection, one that nobody reads fails, and the others bring everything", async (t) => {
  const MAX = 100_000;
  const consoles: Packet[] = [];
  const { connection, daemon } = await connected(t, (packet, socket) => {
    if (packet.type !== Type.call) return;
    consoles.push(packet);
    socket.write(reply(packet));
  });
  const open = async () => (await connection.openStream("console", domainOpenConsole, CONSOLE, {}, MAX)).stream;
  const unread = await open();
  const read = await open();
  const failed = new Promise<void>((resolve) => unread.once("close", resolve));
  let heard = "";
  const all = Promise.withResolvers<void>();
  read.on("data", (chunk: Buffer) => {
    heard += chunk.toString();
    if (heard.length === 20) all.resolve();
  });
  for (let i = 0; i < 20; i++) {
    daemon.broadcast(streamed(consoles[0]!, Status.more, Buffer.alloc(10_000)));
    daemon.broadcast(streamed(consoles[1]!, Status.more, Buffer.from("x")));
  }
  await all.promise;
  await failed;
  assert.ok(unread.errored instanceof LibvirtStreamLimitError);
  assert.match(unread.errored.message, /^console brought more than 100000 bytes/);
  assert.equal(read.errored, null);
  assert.equal(connection.dropped, 0, "what came after the abort is known to belong to it");
});

test("what comes in a rest is read together, at once where a reply is awaited or somebody asks for it", async (t) => {
  let opening: Packet | undefined;
  const { connection, daemon } = await connected(
    t,
    (packet, socket) => {
      if (packet.procedure === domainOpenConsole.number) opening = packet;
      const say = (text: string) => streamed(opening!, Status.more, Buffer.from(text));
      if (packet.type !== Type.call) return;
      if (packet === opening) socket.write(Buffer.concat([reply(packet), say("one ")]));
      else socket.write(Buffer.concat([say("two "), typeReply(packet, "QEMU"), say("three ")]));
    },
    2 ** 31 - 1, // a rest that would not end by itself
  );
  const { stream } = await connection.openStream("console", domainOpenConsole, CONSOLE, {}, 1000);
  let heard = "";
  const four = Promise.withResolvers<void>();
  stream.on("data", (chunk: Buffer) => {
    heard += chunk.toString();
    if (heard.endsWith("four ")) four.resolve();
  });
  assert.deepEqual(await ask(connection), { type: "QEMU" });
  assert.equal(heard, "one two three ");
  daemon.broadcast(streamed(opening!, Status.more, Buffer.from("four ")));
  await new Promise((resolve) => setTimeout(resolve, 50)); // time in which it could have been read
  assert.equal(heard, "one two three ");
  connection.wake();
  await four.promise;
});

test("a slow reader stops the daemon from sending, and gets everything", async (t) => {
  const PIECE = 100_000;
  const PIECES = 300;
  let sent = 0;
  const blocked = Promise.withResolvers<void>();
  const { connection } = await connected(t, (packet, socket) => {
    if (packet.type !== Type.call) {
      socket.write(streamed(packet, Status.ok));
      return;
    }
    socket.write(pngReply(packet));
    pour(socket, packet);
  });
  function pour(socket: Socket, packet: Packet): void {
    while (sent < PIECES) {
      sent++;
      if (!socket.write(streamed(packet, Status.more, Buffer.alloc(PIECE, sent)))) {
        socket.once("drain", () => pour(socket, packet));
        setImmediate(() => blocked.resolve());
        return;
      }
    }
    socket.write(streamed(packet, Status.more));
  }
  const { stream } = await connection.openStream("screenshot", domainScreenshot, SCREEN);
  await blocked.promise;
  await new Promise((resolve) => setTimeout(resolve, 100)); // time in which all of it could have come
  assert.ok(sent < PIECES / 2, `${sent} of ${PIECES} pieces sent to a reader that does not read`);
  let length = 0;
  for await (const chunk of stream) length += chunk.length;
  assert.equal(length, PIECE * PIECES);
});
