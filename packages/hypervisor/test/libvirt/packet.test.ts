import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LibvirtProtocolError } from "../../src/libvirt/errors.ts";
import { decodeEvent } from "../../src/libvirt/events.ts";
import { encodePacket, type Packet, PacketSplitter, Program, Status, Type } from "../../src/libvirt/packet.ts";
import { procedures } from "../../src/libvirt/procedures.ts";
import { decode, encode } from "../../src/libvirt/xdr.ts";
import { DOMAIN, packet, recorded } from "./recorded.ts";

const only = (bytes: Buffer): Packet => {
  const { packets, error } = new PacketSplitter().push(bytes);
  assert.equal(error, undefined);
  assert.equal(packets.length, 1);
  return packets[0]!;
};

const wdPause = { name: "wd-pause", uuid: "9a9f5bcf-e189-414a-9a2f-eff3117dd7e3", id: 1 };

for (const [name, bytes] of Object.entries(recorded)) {
  test(`${name}, as recorded, is the packet that we would send`, () => {
    const packet = only(bytes);
    assert.equal(packet.version, 1);
    assert.deepEqual(encodePacket(packet, packet.payload), bytes);
  });
}

const CALLS = [
  ["authListCall", procedures.authList, 1, {}],
  ["openCall", procedures.connectOpen, 3, { name: "qemu:///session", flags: 0 }],
  ["registerCall", procedures.connectDomainEventCallbackRegisterAny, 8, { event: 3, domain: undefined }],
] as const;

for (const [name, { program, number, args }, serial, value] of CALLS) {
  test(`${name} is what we make of its arguments`, () => {
    const header = { program, procedure: number, type: Type.call, serial, status: Status.ok };
    assert.deepEqual(encodePacket(header, encode(args, value as never)), recorded[name]);
  });
}

test("replies are read by their layouts", () => {
  assert.deepEqual(decode(procedures.authList.result, only(recorded.authListReply).payload), { types: [0] });
  const { result } = procedures.connectDomainEventCallbackRegisterAny;
  assert.deepEqual(decode(result, only(recorded.registerReply).payload), { callback: 2 });
});

test("events are told in words", () => {
  assert.deepEqual(decodeEvent(only(recorded.watchdogEvent)), { type: "watchdog", domain: wdPause, action: "pause" });
  assert.deepEqual(decodeEvent(only(recorded.lifecycleEvent)), {
    type: "lifecycle",
    domain: wdPause,
    event: "suspended",
    detail: "watchdog",
  });
  assert.deepEqual(decodeEvent(only(recorded.monitorEvent)), {
    type: "monitor",
    domain: wdPause,
    name: "WATCHDOG",
    seconds: 1795335760n,
    micros: 70052,
    details: '{"action":"pause"}',
  });
});

/** What follows the callback and the domain, by libvirt's published layouts. */
const PAYLOADS: readonly [number, string, object][] = [
  [319, "", { type: "reboot" }],
  [
    324,
    `00000006 2f612e696d67 0000  # "/a.img"
     0000000c 76697274696f2d6469736b30  # "virtio-disk0"
     00000001  # action: pause
     00000006 656e6f737063 0000  # reason: "enospc"`,
    { type: "ioError", path: "/a.img", alias: "virtio-disk0", action: "pause", reason: "enospc" },
  ],
  [325, "", { type: "controlError" }],
  [333, "00000009 7761746368646f6730 000000", { type: "deviceRemoved", alias: "watchdog0" }],
  [367, "00000009 7761746368646f6730 000000", { type: "deviceRemovalFailed", alias: "watchdog0" }],
  [348, "00000002 00000001", { type: "agent", state: "disconnected", reason: "domain-started" }],
  [379, "00000001 00000000", { type: "metadata", kind: "title", uri: undefined }],
  [379, "00000002 00000001 00000005 75726e3a62 000000", { type: "metadata", kind: "element", uri: "urn:b" }],
  [423, "00000001 00000002 00000003", { type: "memoryFailure", recipient: "guest", action: "fatal", flags: 3 }],
];

for (const [procedure, hex, told] of PAYLOADS) {
  test(`event ${procedure} tells ${JSON.stringify(told)}`, () => {
    const payload = packet(`00000005 ${DOMAIN} ${hex}`);
    const header = { program: Program.remote, version: 1, type: Type.message, serial: 1, status: Status.ok };
    assert.deepEqual(decodeEvent({ ...header, procedure, payload }), { ...told, domain: wdPause });
  });
}

test("an event of no kind that we know is none", () => {
  assert.equal(decodeEvent({ ...only(recorded.watchdogEvent), procedure: 9999 }), undefined);
  assert.equal(decodeEvent({ ...only(recorded.watchdogEvent), program: Program.keepalive }), undefined);
});

test("packets are the same however they are split and joined", () => {
  const stream = Buffer.concat(Object.values(recorded));
  const cuts = fc.array(fc.nat({ max: stream.length }), { maxLength: 40 });
  fc.assert(
    fc.property(cuts, (places) => {
      const splitter = new PacketSplitter();
      const found: Buffer[] = [];
      const edges = [0, ...places.toSorted((a, b) => a - b), stream.length];
      for (let i = 1; i < edges.length; i++) {
        const { packets, error } = splitter.push(stream.subarray(edges[i - 1], edges[i]));
        assert.equal(error, undefined);
        for (const packet of packets) found.push(encodePacket(packet, packet.payload));
      }
      assert.deepEqual(found, Object.values(recorded));
    }),
  );
});

for (const length of [0, 4, 27, 33_554_437, 2 ** 31, 0xffff_ffff]) {
  test(`a packet of ${length} bytes is the end, after what came before it`, () => {
    const bad = Buffer.alloc(4);
    bad.writeUInt32BE(length);
    const { packets, error } = new PacketSplitter().push(Buffer.concat([recorded.authListReply, bad]));
    assert.equal(packets.length, 1);
    assert.ok(error instanceof LibvirtProtocolError);
    assert.match(error.message, new RegExp(`a packet of ${length} bytes`));
  });
}

test("a packet of the greatest length is taken", () => {
  const payload = Buffer.alloc(33_554_436 - 28, 7);
  const header = { program: Program.remote, procedure: 1, type: Type.stream, serial: 1, status: Status.more };
  const bytes = encodePacket(header, payload);
  const splitter = new PacketSplitter();
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; at += 65_536)
    packets.push(...splitter.push(bytes.subarray(at, at + 65_536)).packets);
  assert.equal(packets.length, 1);
  assert.ok(packets[0]!.payload.equals(payload));
});
