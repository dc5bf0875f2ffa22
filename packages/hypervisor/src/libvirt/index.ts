/** A client of libvirt in TypeScript alone: no native build, events included. See README.md. */
export type { DomainState } from "./domain-state.ts";
export type { GuestState } from "./domains.ts";
export {
  isRefusal,
  LibvirtClosedError,
  LibvirtConnectError,
  LibvirtDeadlineError,
  LibvirtProtocolError,
  LibvirtRefusedError,
  LibvirtStreamLimitError,
  LibvirtUriError,
} from "./errors.ts";
export type { LibvirtEvent } from "./events.ts";
export { Libvirt } from "./libvirt.ts";
export type { Domain } from "./procedures.ts";
export { type Change, Protector } from "./protect.ts";
export type { Plan } from "./protect-plan.ts";
export type { WatchMessage } from "./watch.ts";
