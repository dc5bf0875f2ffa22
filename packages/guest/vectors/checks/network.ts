/** Networks that are lost, quiet, or were never there. */
import { encode } from "../../src/bytes.ts";
import { carrier } from "../../src/checks/carrier.ts";
import { networkInterface } from "../../src/checks/interface.ts";
import { ping } from "../../src/checks/ping.ts";
import { parseConfig } from "../../src/config.ts";
import { parseAddress } from "../../src/ip-address.ts";
import { defaultGateway } from "../../src/kernel/default-route.ts";
import { keys } from "../../src/settings.ts";
import { suite } from "../vector.ts";
import { tellVerdicts } from "./tell.ts";

export const addresses = suite("parseAddress", (text: string) => parseAddress(text)?.join(" ") ?? "none", [
  ["version 4", "10.0.2.255", "10 0 2 255"],
  ["a part too large", "10.0.2.256", "none"],
  ["three parts", "10.0.2", "none"],
  ["five parts", "10.0.2.3.4", "none"],
  ["a sign", "10.0.2.-1", "none"],
  ["a name", "gateway", "none"],
  ["empty", "", "none"],
  ["version 6", "fd00:1:2:3:4:5:6:ABCD", "253 0 0 1 0 2 0 3 0 4 0 5 0 6 171 205"],
  ["a gap", "fd00::1", "253 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1"],
  ["a gap first", "::1", "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1"],
  ["a gap last", "fd00::", "253 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"],
  ["version 4 in its end", "::ffff:10.0.2.2", "0 0 0 0 0 0 0 0 0 0 255 255 10 0 2 2"],
  ["two gaps", "1::2::3", "none"],
  ["three colons", "1:::2", "none"],
  ["too short", "1:2:3", "none"],
  ["too long", "1:2:3:4:5:6:7:8:9", "none"],
  ["a gap of nothing", "1:2:3:4:5:6:7::8", "none"],
  ["a group too long", "12345::", "none"],
  ["a scope", "fe80::1%eth0", "none"],
  ["version 4 first", "10.0.2.2::1", "none"],
]);

const header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
const route = (destination: string, gateway: string, flags: string, metric: number, mask = "00000000") =>
  `eth0\t${destination}\t${gateway}\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;

export const routes = suite("defaultGateway", (table: string) => defaultGateway(encode(table))?.join(".") ?? "none", [
  [
    "one",
    header + route("0002000A", "00000000", "0001", 0, "00FFFFFF") + route("00000000", "0202000A", "0003", 100),
    "10.0.2.2",
  ],
  [
    "the cheaper of two",
    header + route("00000000", "0101A8C0", "0003", 200) + route("00000000", "0202000A", "0003", 100),
    "10.0.2.2",
  ],
  ["through no gateway", header + route("00000000", "00000000", "0001", 0), "none"],
  ["half of all addresses is no default", header + route("00000000", "0202000A", "0003", 0, "00000080"), "none"],
  ["down", header + route("00000000", "0202000A", "0002", 0), "none"],
  ["none", header, "none"],
  ["empty", "", "none"],
  ["cut off", `${header}eth0\t00000000\t0202`, "none"],
]);

const TARGET = "10.0.2.2";
const config = `ping = ${TARGET}\nretry-timeout = 20`;
const silence = (requests: number) => `${TARGET} does not answer: ${requests} requests (ping-count = 3)`;
const ROUTES = "/proc/net/route";

export const pings = suite("ping", tellVerdicts(ping), [
  ["it answers", { config, changes: [], until: 100 }, []],
  [
    "it stops answering",
    { config, changes: [{ at: 12, pings: { [TARGET]: "silent" } }], until: 60 },
    [`18: ping:${TARGET} failing: ${silence(4)}`, `35: ping:${TARGET} failed, reboot: ${silence(21)}`],
  ],
  [
    "two requests lost are nothing; a short outage is over before its time",
    {
      config,
      changes: [
        { at: 12, pings: { [TARGET]: "silent" } },
        { at: 17, pings: { [TARGET]: "answers" } },
        { at: 40, pings: { [TARGET]: "silent" } },
        { at: 50, pings: { [TARGET]: "answers" } },
      ],
      until: 80,
    },
    [`44: ping:${TARGET} failing: ${silence(4)}`, `50: ping:${TARGET} healthy`],
  ],
  [
    "it has never answered: a mistyped address must not be a loop of resets",
    { config, changes: [{ at: 0, pings: { [TARGET]: "silent" } }], until: 30 },
    [
      `3: ping:${TARGET} failing: ${silence(4)}; not answered once since start`,
      `20: ping:${TARGET} failed, alarm: ${silence(21)}; not answered once since start`,
    ],
  ],
  [
    "no route to it",
    { config, changes: [{ at: 12, pings: { [TARGET]: -101 } }], until: 20 },
    [`18: ping:${TARGET} failing: ${silence(4)}, the last could not be sent (errno 101)`],
  ],
  [
    "no right to send requests is no verdict on the network",
    { config, changes: [{ at: 0, pings: { [TARGET]: -1 } }], until: 100 },
    [`0: log: warning: ping:${TARGET}: no request can be sent (errno 1)`],
  ],
  [
    "each target for itself, of both versions",
    {
      config: `ping = ::1\nping = 10.0.2.2\nretry-timeout = 0\nping-count = 1`,
      changes: [{ at: 12, pings: { [TARGET]: "silent" } }],
      until: 30,
    },
    [`16: ping:10.0.2.2 failed, reboot: ${TARGET} does not answer: 2 requests (ping-count = 1)`],
  ],
  [
    "the gateway: a new default route is followed, a lost one alarms",
    {
      config: "gateway = yes\nretry-timeout = 20",
      changes: [
        { at: 0, files: { [ROUTES]: header + route("00000000", "0202000A", "0003", 100) } },
        {
          at: 12,
          files: { [ROUTES]: header + route("00000000", "0302000A", "0003", 100) },
          pings: { "10.0.2.2": "silent" },
        },
        { at: 32, files: { [ROUTES]: header } },
      ],
      until: 70,
    },
    [
      "38: gateway failing: there is no default route: 4 requests (ping-count = 3), the last could not be sent (errno 101)",
      "55: gateway failed, alarm: there is no default route: 21 requests (ping-count = 3), the last could not be sent (errno 101)",
    ],
  ],
]);

const RX = "/sys/class/net/eth0/statistics/rx_bytes";
const traffic = (from: number, to: number, every: number) =>
  Array.from({ length: (to - from) / every }, (_, n) => ({ at: from + n * every, files: { [RX]: `${n * 1500}\n` } }));
const quiet = (seconds: number) => `eth0 has received nothing for ${seconds} s`;

export const interfaces = suite("interface", tellVerdicts(networkInterface), [
  [
    "traffic now and then",
    { config: "interface = eth0\nretry-timeout = 20", changes: traffic(0, 200, 8), until: 200 },
    [],
  ],
  [
    "traffic ends",
    { config: "interface = eth0\nretry-timeout = 20", changes: traffic(0, 24, 8), until: 60 },
    [`30: interface:eth0 failing: ${quiet(10)}`, `40: interface:eth0 failed, reboot: ${quiet(20)}`],
  ],
  [
    "a counter that starts anew is traffic",
    {
      config: "interface = eth0\nretry-timeout = 20",
      changes: [...traffic(0, 24, 8), { at: 29, files: { [RX]: "0\n" } }],
      until: 39,
    },
    [],
  ],
  [
    "nothing since start only alarms",
    { config: "interface = eth0\nretry-timeout = 0", changes: [{ at: 0, files: { [RX]: "0\n" } }], until: 10 },
    [`5: interface:eth0 failed, alarm: ${quiet(5)}; nor once since start`],
  ],
  [
    "the interface is gone, or never was",
    {
      config: "interface = eth0\ninterface = eth1\nretry-timeout = 20",
      changes: [...traffic(0, 24, 8), { at: 24, files: { [RX]: undefined } }],
      until: 30,
    },
    [
      "0: interface:eth1 failing: there is no interface eth1; nor once since start",
      "20: interface:eth1 failed, alarm: there is no interface eth1; nor once since start",
      "25: interface:eth0 failing: there is no interface eth0",
    ],
  ],
  [
    "time in which the host was starved does not count",
    { config: "interface = eth0\nretry-timeout = 20", changes: traffic(0, 24, 8), until: 70, gap: [21, 59] },
    [`69: interface:eth0 failing: ${quiet(10)}`],
  ],
]);

const STATE = "/sys/class/net/eth0/operstate";

export const carriers = suite("carrier", tellVerdicts(carrier), [
  [
    "the link is lost, and comes back",
    {
      config: "carrier = eth0\nretry-timeout = 20",
      changes: [
        { at: 0, files: { [STATE]: "up\n" } },
        { at: 12, files: { [STATE]: "down\n" } },
        { at: 22, files: { [STATE]: "up\n" } },
        { at: 42, files: { [STATE]: "lowerlayerdown\n" } },
      ],
      until: 80,
    },
    [
      "15: carrier:eth0 failing: eth0 is down",
      "25: carrier:eth0 healthy",
      "45: carrier:eth0 failing: eth0 is lowerlayerdown",
      "65: carrier:eth0 failed, alarm: eth0 is lowerlayerdown",
    ],
  ],
  [
    "a driver that cannot tell",
    { config: "carrier = eth0", changes: [{ at: 0, files: { [STATE]: "unknown\n" } }], until: 9 },
    [],
  ],
  [
    "never up: no more than an alarm, whatever is asked for",
    { config: "carrier = eth0\nretry-timeout = 0\ncarrier-end = reboot", changes: [], until: 9 },
    ["0: carrier:eth0 failed, alarm: there is no interface eth0; not up once since start"],
  ],
]);

export const badNames = suite(
  "network, problems",
  (text: string) => {
    const settings = parseConfig(text, "f", keys);
    return "problems" in settings ? settings.problems : "accepted";
  },
  [
    ["a host's name", "ping = example.org", ["f:1: ping: 'example.org' is not a numeric IPv4 or IPv6 address"]],
    ["a group", "ping = 224.0.0.1", ["f:1: ping: '224.0.0.1' is not the address of one machine"]],
    ["an alias", "interface = eth0:1", ["f:1: interface: 'eth0:1' is an alias; name the interface itself"]],
    ["a path", "carrier = ../eth0", ["f:1: carrier: '../eth0' is no interface's name; see 'ip link'"]],
  ],
);
