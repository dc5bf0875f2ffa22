/** The registers of the devices, as docs/devices.md shows them; what each does is proven by the vectors. */

export interface Register {
  readonly name: string;
  readonly where: string;
  /** Bits of the access that reaches it. */
  readonly bits: string;
  readonly access: string;
  readonly meaning: string;
}

export const registers: Readonly<Record<"i6300esb" | "ib700" | "itco", readonly Register[]>> = {
  i6300esb: [
    {
      name: "CONFIG",
      where: "configuration 0x60",
      bits: "16",
      access: "read, write",
      meaning:
        "bit 5: the output is off, so the end of stage 2 does nothing; bit 2: 1 MHz rather than 1 kHz; bits 1 and 0: interrupt type, which QEMU only mentions",
    },
    {
      name: "LOCK",
      where: "configuration 0x68",
      bits: "8",
      access: "read; write until locked",
      meaning: "bit 2: free run, begin again after stage 2; bit 1: enable; bit 0: lock, until a reset or a fire",
    },
    {
      name: "TIMER1",
      where: "BAR0 0x00",
      bits: "32",
      access: "write, unlocked",
      meaning: "preload of stage 1, 20 bits; one tick is 983,040 ns, or 960 ns at 1 MHz",
    },
    {
      name: "TIMER2",
      where: "BAR0 0x04",
      bits: "32",
      access: "write, unlocked",
      meaning: "preload of stage 2, likewise",
    },
    {
      name: "GINTSR",
      where: "BAR0 0x08",
      bits: "-",
      access: "-",
      meaning: "interrupt status in hardware; in QEMU always 0",
    },
    {
      name: "RELOAD",
      where: "BAR0 0x0c",
      bits: "8, 16, 32",
      access: "write",
      meaning: "0x80, then 0x86: unlocks for one write of 16 or 32 bits, anywhere",
    },
    {
      name: "RELOAD",
      where: "BAR0 0x0c",
      bits: "16",
      access: "write, unlocked",
      meaning: "bit 8: feed, stage 1 begins; bit 9 or bit 12: forget that it has fired",
    },
    { name: "RELOAD", where: "BAR0 0x0c", bits: "16", access: "read", meaning: "0x1200 once it has fired, else 0" },
  ],
  ib700: [
    {
      name: "disable",
      where: "ports 0x441, 0x442",
      bits: "8",
      access: "write",
      meaning: "any value stops the timer",
    },
    {
      name: "enable",
      where: "ports 0x443, 0x444",
      bits: "8",
      access: "write",
      meaning: "the low four bits n start it, or start it again, for 30 - 2n seconds; 15: it fires at once",
    },
  ],
  itco: [
    {
      name: "RLD",
      where: "port 0x660",
      bits: "16",
      access: "read, write",
      meaning: "read: the whole ticks until the timer next runs out; written, whatever the value: feed",
    },
    {
      name: "DAT_IN, DAT_OUT",
      where: "ports 0x662, 0x663",
      bits: "8",
      access: "read, write",
      meaning: "storage; a write sets bit 1 or bit 2 of STS1",
    },
    {
      name: "STS1",
      where: "port 0x664",
      bits: "16",
      access: "read; a write clears",
      meaning: "bit 3: the timer has run out",
    },
    {
      name: "STS2",
      where: "port 0x666",
      bits: "16",
      access: "read; a write clears",
      meaning: "bits 1 and 2: it has run out a second time; stay through a reset",
    },
    {
      name: "CNT1",
      where: "port 0x668",
      bits: "16",
      access: "read, write",
      meaning: "bit 11: halt; bit 12, once set, stays; a write without halt begins the timer",
    },
    { name: "CNT2", where: "port 0x66a", bits: "16", access: "read, write", meaning: "storage" },
    {
      name: "MESSAGE1, MESSAGE2, WDCNT",
      where: "ports 0x66c, 0x66d, 0x66e",
      bits: "8",
      access: "read, write",
      meaning: "storage for the guest's own use",
    },
    { name: "SW_IRQ_GEN", where: "port 0x670", bits: "8", access: "read, write", meaning: "storage" },
    {
      name: "TMR",
      where: "port 0x672",
      bits: "16",
      access: "read, write",
      meaning: "the low ten bits: ticks of 600 ms that the timer begins with; of a value below 2 it does not begin",
    },
    {
      name: "GCS",
      where: "memory 0xfed1f410",
      bits: "8, 16, 32",
      access: "read, write",
      meaning: "bit 5, NO_REBOOT: it does not fire; set by a reset",
    },
  ],
};
