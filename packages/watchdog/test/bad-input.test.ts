import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AccessError,
  I6300esb,
  type I6300esbState,
  Ib700,
  Itco,
  StateError,
  Timeline,
  VirtualClock,
} from "../src/index.ts";

function devices() {
  const timeline = new Timeline();
  const clock = new VirtualClock(timeline);
  let fired = 0;
  let ignored = 0;
  const pci = new I6300esb(clock, { fire: () => fired++, ignored: () => ignored++ });
  const isa = new Ib700(clock, { fire: () => fired++ });
  const chipset = new Itco(clock, { fire: () => fired++, ignored: () => ignored++ });
  pci.writeConfig(0x68, 1, 2);
  isa.write(0x443, 1, 0);
  return { timeline, pci, isa, chipset, fired: () => fired, ignored: () => ignored };
}

type Devices = ReturnType<typeof devices>;

const refused: readonly (readonly [string, (devices: Devices) => unknown, string])[] = [
  [
    "memory behind the end",
    ({ pci }) => pci.writeMemory(0x10, 4, 0),
    "write to the i6300esb's memory of 4 bytes at 0x10: the registers end at 0xf",
  ],
  [
    "memory before the start",
    ({ pci }) => pci.readMemory(-4, 4),
    "read of the i6300esb's memory of 4 bytes at 0x-4: the registers end at 0xf",
  ],
  [
    "unaligned memory",
    ({ pci }) => pci.writeMemory(0x2, 4, 0x80),
    "write to the i6300esb's memory of 4 bytes at 0x2: not aligned to 4 bytes",
  ],
  [
    "memory between bytes",
    ({ pci }) => pci.readMemory(0.5, 1),
    "read of the i6300esb's memory of 1 bytes at 0x0.8: the registers end at 0xf",
  ],
  [
    "8 bytes of memory",
    ({ pci }) => pci.writeMemory(0x0, 8 as 4, 0),
    "write to the i6300esb's memory of 8 bytes at 0x0: the widths are 1, 2 and 4",
  ],
  [
    "3 bytes of memory",
    ({ pci }) => pci.readMemory(0xc, 3 as 4),
    "read of the i6300esb's memory of 3 bytes at 0xc: the widths are 1, 2 and 4",
  ],
  [
    "configuration behind the end",
    ({ pci }) => pci.writeConfig(0x100, 1, 0),
    "write to the configuration of 1 bytes at 0x100: the registers end at 0xff",
  ],
  [
    "unaligned configuration",
    ({ pci }) => pci.readConfig(0x61, 2),
    "read of the configuration of 2 bytes at 0x61: not aligned to 2 bytes",
  ],
  [
    "8 bytes of configuration",
    ({ pci }) => pci.readConfig(0x60, 8 as 4),
    "read of the configuration of 8 bytes at 0x60: the widths are 1, 2 and 4",
  ],
  ["a port below", ({ isa }) => isa.write(0x440, 1, 0), "access to port 0x440: the ib700's ports are 0x441 to 0x444"],
  ["a port above", ({ isa }) => isa.read(0x445, 1), "access to port 0x445: the ib700's ports are 0x441 to 0x444"],
  [
    "a register behind the itco's end",
    ({ chipset }) => chipset.write(0x20, 1, 0),
    "write to the itco of 1 bytes at 0x20: the registers end at 0x1f",
  ],
  [
    "an unaligned register of the itco",
    ({ chipset }) => chipset.read(0x1, 2),
    "read of the itco of 2 bytes at 0x1: not aligned to 2 bytes",
  ],
  [
    "4 bytes to the itco",
    ({ chipset }) => chipset.write(0x0, 4 as 2, 0),
    "write to the itco of 4 bytes at 0x0: the widths are 1 and 2",
  ],
  [
    "GCS behind its end",
    ({ chipset }) => chipset.writeControl(0x4, 1, 0),
    "write to GCS of 1 bytes at 0x4: the registers end at 0x3",
  ],
  [
    "8 bytes of GCS",
    ({ chipset }) => chipset.readControl(0x0, 8 as 4),
    "read of GCS of 8 bytes at 0x0: the widths are 1, 2 and 4",
  ],
  ["4 bytes to a port", ({ isa }) => isa.write(0x443, 4 as 2, 0), "access of 4 bytes: the ib700 takes 1 or 2"],
];

for (const [what, attempt, message] of refused) {
  test(`${what} is refused, and nothing has changed`, () => {
    const all = devices();
    const before = [all.pci.state(), all.isa.state(), all.chipset.state()];
    assert.throws(() => attempt(all), { name: "AccessError", code: "BERNARD_ACCESS", message });
    assert.deepEqual([all.pci.state(), all.isa.state(), all.chipset.state()], before);
  });
}

test("a removed device answers nothing and never fires", () => {
  const { timeline, pci, isa, fired } = devices();
  isa.write(0x441, 1, 0);
  pci.remove();
  for (const access of [
    () => pci.writeMemory(0xc, 2, 0x80),
    () => pci.readMemory(0xc, 2),
    () => pci.writeConfig(0x68, 1, 2),
    () => pci.readConfig(0x0, 4),
  ]) {
    assert.throws(access, { name: "AccessError", message: "access to the i6300esb: it has been removed" });
  }
  timeline.runUntil(10n ** 13n);
  assert.equal(fired(), 0);
  assert.equal(pci.bar0, undefined);
});

const badStates: readonly (readonly [string, (state: I6300esbState) => unknown, RegExp])[] = [
  [
    "another version",
    (state) => ({ ...state, version: 2 }),
    /^StateError: the saved state of i6300esb has version 2, known is 1;/,
  ],
  [
    "another device",
    (state) => ({ ...state, device: "ib700" }),
    /^StateError: the saved state of i6300esb is one of ib700;/,
  ],
  [
    "a short configuration",
    (state) => ({ ...state, config: new Uint8Array(64) }),
    /holds 64 bytes of configuration, not 256/,
  ],
];

for (const [what, change, message] of badStates) {
  test(`a saved state of ${what} is refused, and nothing has changed`, () => {
    const { pci } = devices();
    const before = pci.state();
    assert.throws(() => pci.restore(change({ ...before, fired: true, preload1: 1 }) as I6300esbState), message);
    assert.deepEqual(pci.state(), before);
  });
}

test("an ib700 takes no state of another kind", () => {
  const { pci, isa } = devices();
  const before = isa.state();
  assert.throws(() => isa.restore(pci.state() as never), StateError);
  assert.throws(() => isa.restore({ ...before, version: 0 as 1 }), StateError);
  assert.deepEqual(isa.state(), before);
});

test("an itco takes no state of another kind", () => {
  const { pci, chipset } = devices();
  const before = chipset.state();
  assert.throws(() => chipset.restore(pci.state() as never), StateError);
  assert.throws(() => chipset.restore({ ...before, version: 0 as 1 }), StateError);
  assert.deepEqual(chipset.state(), before);
});

test("an itco whose strap is set never fires, and says that it did", () => {
  const timeline = new Timeline();
  const device = new Itco(new VirtualClock(timeline), { fire: () => assert.fail("fired") }, { noReboot: true });
  device.writeControl(0x0, 4, 0);
  device.write(0x0, 2, 1);
  timeline.runUntil(100_000_000_000n);
  assert.equal(device.read(0x6, 2), 0x6);
});

test("an itco of no ticks that must not fire goes on when a guest changes that", () => {
  for (const [change, fires] of [
    [(device: Itco) => device.write(0x12, 2, 2), false],
    [(device: Itco) => device.writeControl(0x0, 1, 0), true],
  ] as const) {
    const timeline = new Timeline();
    let fired = false;
    const device = new Itco(new VirtualClock(timeline), { fire: () => (fired = true) });
    device.write(0x12, 2, 0x400);
    device.write(0x0, 2, 1);
    timeline.runUntil(1_000_000_000n);
    assert.equal(device.state().spinning, true);
    change(device);
    timeline.runUntil(1_000_000_000n);
    assert.deepEqual([fired, device.state().spinning], [fires, false]);
  }
});

test("a guest's nonsense is counted", () => {
  const { pci, ignored } = devices();
  pci.writeMemory(0x0, 4, 5); // locked
  pci.writeMemory(0xc, 2, 0x100); // locked
  assert.equal(ignored(), 2);
  pci.writeMemory(0xc, 2, 0x80);
  pci.writeMemory(0xc, 2, 0x86);
  pci.writeMemory(0x8, 4, 1); // GINTSR takes nothing
  assert.equal(ignored(), 3);
  pci.writeConfig(0x68, 1, 3);
  pci.writeConfig(0x68, 1, 0); // LOCK is locked
  assert.equal(ignored(), 4);
});

test("an itco's too", () => {
  const { chipset, ignored } = devices();
  chipset.write(0x1, 1, 0); // the second byte of RLD
  chipset.read(0x1e, 2); // no register
  assert.equal(ignored(), 2);
});

test("AccessError is an Error", () => assert.ok(new AccessError("a", "b") instanceof Error));
