/** KVM's emulated watchdogs as pure state machines: registers in, fires out, and time as an argument. */
export { AccessError, type Width } from "./access.ts";
export { Bus, type BusWidth } from "./bus.ts";
export { I6300esb, type I6300esbEvents, type I6300esbOptions, type I6300esbState } from "./i6300esb.ts";
export { Ib700, type Ib700Events, type Ib700Options, type Ib700State } from "./ib700.ts";
export { Itco, type ItcoEvents, type ItcoOptions, type ItcoState } from "./itco.ts";
export {
  ACTIONS,
  type Action,
  Machine,
  MachineError,
  type MachineEvent,
  type MachineOptions,
  type RunState,
} from "./machine.ts";
export { q35Wdat } from "./q35-wdat.ts";
export { StateError } from "./state-error.ts";
export { Timeline } from "./timeline.ts";
export { type ClockState, VirtualClock } from "./virtual-clock.ts";
export { readWdat, type Wdat, type WdatAction, type WdatEntry, WdatError, wdatObstacle, writeWdat } from "./wdat.ts";
