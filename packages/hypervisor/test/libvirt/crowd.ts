/**
 * A libvirt of many guests that run, more than a developer's machine holds: libvirt's protocol on a real socket, with the
 * guests' hardware, counters and channels. No event ever happens but what guests say.
 */
import type { Socket } from "node:net";
import { CHANNEL_NAME } from "@bernard/protocol";
import type { Scope } from "@bernard/tools";
import { encodePacket, type Packet, Program, Status, Type } from "../../src/libvirt/packet.ts";
import { type Domain, domain, procedures, streamProcedures } from "../../src/libvirt/procedures.ts";
import { type Codec, decode, encode, int, list, string, struct, unsignedHyper } from "../../src/libvirt/xdr.ts";
import { fakeDaemon, greeting, isCall, reply, streamed } from "./fake-daemon.ts";

/** VIR_DOMAIN_STATS_STATE alone: the listing of all guests. */
const STATE_ALONE = 1;

/** VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED */
const STATE = { "state.state": 1, "state.reason": 1 };

const PONG = 2;

/** Types of parameters. */
const INT = 1;
const UNSIGNED_HYPER = 4;

type Values = Readonly<Record<string, number | bigint>>;

/** Numbers as an int, big ones as 64 bits. */
const parameters: Codec<Values> = {
  write: (to, values) => {
    int.write(to, Object.keys(values).length);
    for (const [name, value] of Object.entries(values)) {
      string.write(to, name);
      int.write(to, typeof value === "number" ? INT : UNSIGNED_HYPER);
      if (typeof value === "number") int.write(to, value);
      else unsignedHyper.write(to, value);
    }
  },
  read: () => ({}),
};

const stats = struct({ records: list(struct({ domain, parameters }), 100_000) });

export interface Crowd {
  readonly uri: string;
  readonly guests: number;
  /** Guests whose channel somebody has open. */
  readonly listened: number;
  /** Guest `index`, from 0 on, says that in its channel; nothing where nobody listens. */
  say(index: number, text: string): void;
}

export async function crowdOf(t: Scope, guests: number): Promise<Crowd> {
  const domains = Array.from({ length: guests }, (_, index) => ({
    name: `guest-${index}`,
    uuid: `${(index * 4_294_967).toString(16).padStart(8, "0")}-0000-4000-8000-${index.toString(16).padStart(12, "0")}`,
    id: index + 1,
  }));
  const channels = new Map<string, { readonly socket: Socket; readonly call: Packet }>();
  let asked = 0;

  const daemon = await fakeDaemon(
    t,
    greeting((packet, socket) => {
      daemon.packets.length = 0; // nobody looks at them
      if (packet.program === Program.keepalive) socket.write(pong());
      else if (isCall(packet, "connectGetAllDomainStats")) {
        const args = decode(procedures.connectGetAllDomainStats.args, packet.payload);
        const records =
          args.stats === STATE_ALONE
            ? domains.map((each) => ({ domain: each, parameters: STATE }))
            : args.domains.map((each) => ({ domain: each, parameters: { ...STATE, ...countersAt(++asked) } }));
        socket.write(reply(packet, encode(stats, { records })));
      } else if (isCall(packet, "connectGetType")) {
        socket.write(reply(packet, encode(procedures.connectGetType.result, { type: "QEMU" })));
      } else if (isCall(packet, "connectDomainEventCallbackRegisterAny")) {
        const { result } = procedures.connectDomainEventCallbackRegisterAny;
        socket.write(reply(packet, encode(result, { callback: 1 })));
      } else if (isCall(packet, "domainGetXmlDesc")) {
        const asking = decode(procedures.domainGetXmlDesc.args, packet.payload);
        socket.write(reply(packet, encode(procedures.domainGetXmlDesc.result, { xml: xmlOf(asking.domain) })));
      } else if (packet.type === Type.call && packet.procedure === streamProcedures.domainOpenChannel.number) {
        const { uuid } = decode(streamProcedures.domainOpenChannel.args, packet.payload).domain;
        channels.set(uuid, { socket, call: packet });
        socket.setMaxListeners(0).once("close", () => channels.delete(uuid)); // many share it
        socket.write(reply(packet));
      }
    }),
  );
  return {
    uri: daemon.uri,
    guests,
    get listened() {
      return channels.size;
    },
    say(index, text) {
      const channel = channels.get(domains[index]!.uuid);
      channel?.socket.write(streamed(channel.call, Status.more, Buffer.from(text)));
    },
  };
}

const pong = () =>
  encodePacket({ program: Program.keepalive, procedure: PONG, type: Type.message, serial: 0, status: Status.ok });

/** A guest that works: whoever looks again finds more. */
function countersAt(time: number): Values {
  const count = BigInt(time);
  return {
    "cpu.time": count * 1_000_000_000n,
    "vcpu.current": 2,
    "vcpu.maximum": 2,
    ...Object.fromEntries(
      [0, 1].flatMap((i) => [
        [`vcpu.${i}.state`, 1],
        [`vcpu.${i}.time`, count * 500_000_000n],
        [`vcpu.${i}.wait`, 0n],
        [`vcpu.${i}.delay`, count],
      ]),
    ),
    "net.count": 1,
    ...Object.fromEntries(["rx.bytes", "rx.pkts", "tx.bytes", "tx.pkts"].map((name) => [`net.0.${name}`, count])),
    "block.count": 1,
    ...Object.fromEntries(
      ["rd.reqs", "rd.bytes", "rd.times", "wr.reqs", "wr.bytes", "wr.times", "fl.reqs", "allocation", "capacity"].map(
        (name) => [`block.0.${name}`, count],
      ),
    ),
  };
}

function xmlOf({ name, uuid, id }: Domain): string {
  return `<domain type='kvm' id='${id}'>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit='KiB'>4194304</memory>
  <vcpu placement='static'>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><source file='/var/lib/libvirt/images/${name}.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <interface type='network'><source network='default'/><model type='virtio'/></interface>
    <console type='pty'><target type='serial' port='0'/></console>
    <channel type='unix'><target type='virtio' name='${CHANNEL_NAME}' state='connected'/></channel>
    <watchdog model='i6300esb' action='reset'/>
  </devices>
</domain>`;
}
