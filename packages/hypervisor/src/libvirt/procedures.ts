/**
 * The calls that we make: their numbers and what they carry. A name is that of the C function in camel case without its
 * `vir`: `virDomainGetXMLDesc` is `domainGetXmlDesc`. To add a call is to add an entry.
 * Interface: https://libvirt.org/html/index.html; numbers and layouts never change once released.
 */
import { Program } from "./packet.ts";
import {
  type Codec,
  double,
  hyper,
  int,
  list,
  optional,
  type Struct,
  string,
  struct,
  uint,
  unsignedHyper,
  uuid,
  XdrError,
} from "./xdr.ts";

/** A guest as libvirt names it. */
export interface Domain {
  readonly name: string;
  readonly uuid: string;
  /** Another one at each start; -1 while it is off. */
  readonly id: number;
}

export const domain: Codec<Domain> = struct({ name: string, uuid, id: int });
const pool = struct({ name: string, uuid });
const volume = struct({ pool: string, name: string, key: string });

type ParameterValue = number | bigint | boolean | string;

export interface Parameter {
  readonly name: string;
  readonly value: ParameterValue;
}

const parameterValues: Readonly<Record<number, Codec<unknown>>> = {
  1: int,
  2: uint,
  3: hyper,
  4: unsignedHyper,
  5: double,
  6: { write: () => {}, read: (from) => int.read(from) !== 0 } satisfies Codec<boolean>,
  7: string,
};

/** A named value of one of seven types (virTypedParameter); libvirt only sends them to us. */
const parameter: Codec<Parameter> = {
  write: () => {
    throw new XdrError("a parameter is only ever read");
  },
  read: (from) => {
    const name = string.read(from);
    const type = int.read(from);
    const codec = parameterValues[type] as Codec<ParameterValue> | undefined;
    if (codec === undefined) throw new XdrError(`parameter ${name} is of the unknown type ${type}`);
    return { name, value: codec.read(from) };
  },
};

/** How many domains (REMOTE_DOMAIN_LIST_MAX), and values of one (REMOTE_CONNECT_GET_ALL_DOMAIN_STATS_MAX), libvirt sends. */
const DOMAINS_MAX = 16_384;
const PARAMETERS_MAX = 262_144;

export interface Procedure<A = unknown, R = unknown> {
  readonly program: number;
  readonly number: number;
  readonly args: Codec<A>;
  readonly result: Codec<R>;
}

type Fields = Readonly<Record<string, Codec<unknown>>>;

const call =
  (program: number) =>
  <const A extends Fields, const R extends Fields>(
    number: number,
    args: A,
    result: R,
  ): Procedure<Struct<A>, Struct<R>> => ({ program, number, args: struct(args), result: struct(result) });

const remote = call(Program.remote);
const qemu = call(Program.qemu);

export const procedures = {
  connectOpen: remote(1, { name: optional(string), flags: uint }, {}),
  connectClose: remote(2, {}, {}),
  connectGetType: remote(3, {}, { type: string }),
  connectGetVersion: remote(4, {}, { version: unsignedHyper }),
  connectGetCapabilities: remote(7, {}, { xml: string }),
  connectGetHostname: remote(59, {}, { hostname: string }),
  connectSupportsFeature: remote(60, { feature: int }, { supported: int }),
  connectGetLibVersion: remote(157, {}, { version: unsignedHyper }),
  connectListAllDomains: remote(
    273,
    { needResults: int, flags: uint },
    { domains: list(domain, DOMAINS_MAX), count: uint },
  ),
  connectGetAllDomainStats: remote(
    344,
    { domains: list(domain, DOMAINS_MAX), stats: uint, flags: uint },
    { records: list(struct({ domain, parameters: list(parameter, PARAMETERS_MAX) }), DOMAINS_MAX) },
  ),
  connectDomainEventCallbackRegisterAny: remote(316, { event: int, domain: optional(domain) }, { callback: int }),
  connectDomainEventCallbackDeregisterAny: remote(317, { callback: int }, {}),

  authList: remote(66, {}, { types: list(int, 20) }),
  authPolkit: remote(70, {}, { complete: int }),

  domainLookupById: remote(22, { id: int }, { domain }),
  domainLookupByName: remote(23, { name: string }, { domain }),
  domainLookupByUuid: remote(24, { uuid }, { domain }),
  domainGetXmlDesc: remote(14, { domain, flags: uint }, { xml: string }),
  domainGetState: remote(212, { domain, flags: uint }, { state: int, reason: int }),
  domainIsPersistent: remote(151, { domain }, { persistent: int }),
  domainHasManagedSaveImage: remote(183, { domain, flags: uint }, { saved: int }),
  domainGetMetadata: remote(265, { domain, type: int, uri: optional(string), flags: uint }, { metadata: string }),
  domainSetMetadata: remote(
    264,
    {
      domain,
      type: int,
      metadata: optional(string),
      key: optional(string),
      uri: optional(string),
      flags: uint,
    },
    {},
  ),
  domainGetMessages: remote(426, { domain, flags: uint }, { messages: list(string, 2048) }),
  domainGetGuestInfo: remote(
    418,
    { domain, types: uint, flags: uint },
    { parameters: list(parameter, PARAMETERS_MAX) },
  ),

  domainCreateXml: remote(10, { xml: string, flags: uint }, { domain }),
  domainDefineXmlFlags: remote(350, { xml: string, flags: uint }, { domain }),
  domainUndefineFlags: remote(231, { domain, flags: uint }, {}),
  domainAttachDeviceFlags: remote(160, { domain, xml: string, flags: uint }, {}),
  domainDetachDeviceFlags: remote(161, { domain, xml: string, flags: uint }, {}),
  domainUpdateDeviceFlags: remote(174, { domain, xml: string, flags: uint }, {}),

  domainCreateWithFlags: remote(196, { domain, flags: uint }, { domain }),
  domainSuspend: remote(34, { domain }, {}),
  domainResume: remote(28, { domain }, {}),
  domainReset: remote(245, { domain, flags: uint }, {}),
  domainReboot: remote(27, { domain, flags: uint }, {}),
  domainShutdownFlags: remote(258, { domain, flags: uint }, {}),
  domainDestroyFlags: remote(234, { domain, flags: uint }, {}),
  domainInjectNmi: remote(210, { domain, flags: uint }, {}),
  domainCoreDumpWithFormat: remote(334, { domain, to: string, format: uint, flags: uint }, {}),

  storagePoolCreateXml: remote(76, { xml: string, flags: uint }, { pool }),
  storagePoolDestroy: remote(80, { pool }, {}),
  storagePoolLookupByName: remote(84, { name: string }, { pool }),
  storageVolLookupByName: remote(95, { pool, name: string }, { volume }),

  qemuDomainMonitorCommand: qemu(1, { domain, command: string, flags: uint }, { result: string }),
  qemuDomainAgentCommand: qemu(
    3,
    { domain, command: string, timeoutS: int, flags: uint },
    { result: optional(string) },
  ),
  qemuConnectDomainMonitorEventRegister: qemu(
    4,
    { domain: optional(domain), event: optional(string), flags: uint },
    { callback: int },
  ),
  qemuConnectDomainMonitorEventDeregister: qemu(5, { callback: int }, {}),
};

/** Calls after whose reply a stream follows. */
export const streamProcedures = {
  domainOpenConsole: remote(201, { domain, device: optional(string), flags: uint }, {}),
  domainOpenChannel: remote(296, { domain, name: optional(string), flags: uint }, {}),
  domainScreenshot: remote(211, { domain, screen: uint, flags: uint }, { mime: optional(string) }),
  storageVolDownload: remote(209, { volume, offset: unsignedHyper, length: unsignedHyper, flags: uint }, {}),
  storageVolUpload: remote(208, { volume, offset: unsignedHyper, length: unsignedHyper, flags: uint }, {}),
};

export type Procedures = typeof procedures;
export type StreamProcedures = typeof streamProcedures;
export type Args<P> = P extends Procedure<infer A, infer _> ? A : never;
export type Result<P> = P extends Procedure<infer _, infer R> ? R : never;
