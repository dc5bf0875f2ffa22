/**
 * The WDAT that describes the iTCO of QEMU's q35 to a guest: the machine has that timer and names it to nobody.
 *
 * The timer runs out twice before the device fires, so a count of the table is two ticks of 0.6 s: what a guest asks for is the
 * time to the fire. A driver rounds it down to whole counts, so it comes up to 1.2 s early and never late.
 */
import { ITCO_CONTROL, ITCO_FIRST } from "./bus.ts";
import type { Wdat, WdatAction, WdatEntry, WdatField, WdatInstruction } from "./wdat.ts";

const RELOAD = io(0x00, 2, 0, 10);
const STATUS2_FIRED = io(0x06, 2, 1, 2); // set by a fire: bit 1 "second timeout", bit 2 "boot"; writing ones clears them
const STATUS2_SECOND_TIMEOUT = io(0x06, 2, 1, 1);
const CONTROL1_HALT = io(0x08, 2, 11, 1);
/** A byte that is the software's to use; nothing on q35 does. */
const WDCNT = io(0x0e, 1, 0, 8);
const TIMER = io(0x12, 2, 0, 10);
const NO_REBOOT: WdatField = { space: "memory", address: BigInt(ITCO_CONTROL), bytes: 4, bitOffset: 5, bits: 1 };

const TICK_MS = 600;
const EXPIRIES = 2;
/** The timer does not start with less. */
const MIN_TICKS = 2;
const MAX_TICKS = 0x3ff;

const YES = 1;
const NO = 0;

export const q35Wdat: Wdat = {
  oemId: "BERNRD",
  oemTableId: "Q35 TCO",
  oemRevision: 1,
  creatorId: "BRND",
  creatorRevision: 1,
  pci: undefined,
  periodMs: TICK_MS * EXPIRIES,
  minCount: MIN_TICKS,
  maxCount: MAX_TICKS,
  enabled: true,
  stoppedInSleep: false,
  entries: [
    write("feed", RELOAD, 1),
    // What is left to the next expiry: right at each feed, and never more than what is left to a fire while a guest feeds in time.
    entry("get remaining", "read count", RELOAD),
    entry("get countdown", "read count", TIMER),
    entry("set countdown", "write count", TIMER),
    // At power-on the timer stands and is not halted. So WDCNT says whether somebody has started it.
    is("is running", WDCNT, YES),
    write("run", RELOAD, 1), // or the first expiry of an earlier run would count
    change("run", NO_REBOOT, NO), // again: a guest that wakes from sleep runs no other action
    change("run", CONTROL1_HALT, NO),
    write("run", WDCNT, YES),
    is("is stopped", WDCNT, NO),
    change("stop", CONTROL1_HALT, YES),
    write("stop", WDCNT, NO),
    is("does reboot", NO_REBOOT, NO),
    change("set reboot", NO_REBOOT, NO),
    is("has fired", STATUS2_SECOND_TIMEOUT, YES),
    write("forget fire", STATUS2_FIRED, 0b11),
  ],
};

function io(offset: number, bytes: 1 | 2, bitOffset: number, bits: number): WdatField {
  return { space: "io", address: BigInt(ITCO_FIRST + offset), bytes, bitOffset, bits };
}

function is(action: WdatAction, field: WdatField, value: number): WdatEntry {
  return entry(action, "read value", field, { value });
}

/** The register's other bits become 0. */
function write(action: WdatAction, field: WdatField, value: number): WdatEntry {
  return entry(action, "write value", field, { value });
}

/** The register's other bits stay. */
function change(action: WdatAction, field: WdatField, value: number): WdatEntry {
  return entry(action, "write value", field, { value, preserve: true });
}

function entry(
  action: WdatAction,
  instruction: WdatInstruction,
  field: WdatField,
  { value = 0, preserve = false } = {},
): WdatEntry {
  return { action, instruction, preserve, field, value, mask: 2 ** field.bits - 1 };
}
