/** Every row of the choice: machine, architecture, system, what is there and what is asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseWatchdog, WATCHDOG_ACTIONS, type WatchdogNeed } from "../src/index.ts";

const need = (given: Partial<WatchdogNeed>): WatchdogNeed => ({
  architecture: "x86_64",
  machine: "pc-i440fx-7.2",
  os: undefined,
  watchdogs: [],
  model: undefined,
  action: undefined,
  ...given,
});

const itco = { model: "itco", origin: "implicit" } as const;
const declared = (model: string) => ({ model, origin: "declared" }) as const;
const outside = (model: string) => ({ model, origin: "outside" }) as const;
const implicitWdat = { model: "wdat", origin: "implicit" } as const;
const rhel = (version: string) => `http://redhat.com/rhel/${version}`;
const q35 = { machine: "pc-q35-9.0", watchdogs: [itco] } as const;

/** What is asked, and in a few words what is chosen. */
const CHOICES: readonly (readonly [Partial<WatchdogNeed>, string])[] = [
  [{}, "adds i6300esb"],
  [{ machine: "pc" }, "adds i6300esb"],
  [{ machine: "pc-1.3" }, "adds i6300esb"],
  [{ machine: "rhel6.6.0" }, "adds i6300esb"],
  [{ machine: "pc-i440fx-rhel7.6.0", os: rhel("6.0") }, "adds i6300esb"],
  [{ architecture: "i686" }, "adds i6300esb"],
  [{ model: "ib700" }, "adds ib700"],
  [{ architecture: "i686", model: "ib700", os: rhel("6.2") }, "adds ib700"],
  [{ os: "http://debian.org/debian/12" }, "adds i6300esb"],
  [{ os: "http://centos.org/centos/7.0" }, "adds i6300esb"],
  [{ os: rhel("6-unknown") }, "adds i6300esb"],
  // What is there and fits stays.
  [{ watchdogs: [declared("ib700")] }, "keeps ib700"],
  [{ watchdogs: [declared("i6300esb")] }, "keeps i6300esb"],
  [{ watchdogs: [declared("i6300esb"), declared("ib700")] }, "keeps i6300esb"],
  [{ watchdogs: [declared("i6300esb")], model: "i6300esb" }, "keeps i6300esb"],
  // What does not fit, or is not what was asked for, goes.
  [{ watchdogs: [declared("i6300esb")], model: "ib700" }, "adds ib700 for i6300esb"],
  [{ watchdogs: [declared("ib700")], model: "i6300esb" }, "adds i6300esb for ib700"],
  [{ watchdogs: [declared("i6300esb"), declared("ib700")], model: "ib700" }, "keeps ib700 for i6300esb"],
  [{ watchdogs: [declared("ib700")], os: rhel("6.1") }, "adds i6300esb for ib700"],
  [{ watchdogs: [declared("ib700")], machine: "pc-q35-7.2" }, "adds i6300esb for ib700"],
  [{ watchdogs: [declared("new")] }, "adds i6300esb"],
  [{ watchdogs: [{ model: "i6300esb", origin: "outside" }] }, "adds i6300esb"],
  // q35: its own iTCO where libvirt (9.1) has it, else a PCI device.
  [q35, "keeps itco"],
  [{ ...q35, machine: "q35" }, "keeps itco"],
  [{ ...q35, model: "itco" }, "keeps itco"],
  [{ ...q35, model: "i6300esb" }, "adds i6300esb"],
  [{ ...q35, watchdogs: [declared("i6300esb"), itco] }, "keeps i6300esb"],
  [{ ...q35, watchdogs: [declared("i6300esb"), itco], model: "itco" }, "keeps itco for i6300esb"],
  [{ machine: "pc-q35-7.2" }, "adds i6300esb"],
  [{ machine: "pc-q35-rhel9.4.0", watchdogs: [itco] }, "keeps itco"],
  [{ machine: "pc-q35-9.0", watchdogs: [{ model: "itco", origin: "outside" }] }, "adds i6300esb"],
  [{ architecture: "aarch64", machine: "virt-7.2" }, "adds i6300esb"],
  [{ architecture: "armv7l", machine: "virt" }, "adds i6300esb"],
  [{ architecture: "s390x", machine: "s390-ccw-virtio-8.2" }, "adds diag288"],
  [{ architecture: "s390x", machine: "s390-ccw-virtio-8.2", watchdogs: [declared("diag288")] }, "keeps diag288"],
  // The ACPI table: by request alone, and with a device that libvirt knows, where it knows no itco.
  [{ ...q35, model: "wdat" }, "adds wdat"],
  [{ machine: "pc-q35-7.2", model: "wdat" }, "adds wdat beside i6300esb"],
  [{ machine: "pc-q35-7.2", model: "wdat", watchdogs: [declared("i6300esb")] }, "adds wdat beside i6300esb"],
  [{ machine: "pc-q35-8.2", model: "wdat", watchdogs: [outside("itco")] }, "adds wdat beside i6300esb"],
  [{ machine: "pc-q35-7.2", model: "wdat", watchdogs: [declared("ib700")] }, "adds wdat beside i6300esb for ib700"],
  [{ ...q35, model: "wdat", watchdogs: [declared("i6300esb"), itco] }, "adds wdat for i6300esb"],
  [{ ...q35, model: "wdat", os: "http://microsoft.com/win/2k22" }, "adds wdat"],
  [{ machine: "pc-q35-7.2", watchdogs: [declared("i6300esb"), outside("wdat")] }, "keeps wdat beside i6300esb"],
  [{ machine: "pc-q35-7.2", watchdogs: [outside("wdat")] }, "keeps wdat beside i6300esb"],
  [{ ...q35, watchdogs: [implicitWdat] }, "keeps wdat"],
  [{ ...q35, watchdogs: [implicitWdat], model: "wdat" }, "keeps wdat"],
  [{ ...q35, watchdogs: [implicitWdat], os: "http://microsoft.com/win/11" }, "keeps wdat"],
  [{ ...q35, watchdogs: [implicitWdat], model: "i6300esb" }, "adds i6300esb for wdat"],
  [
    { machine: "pc-q35-7.2", watchdogs: [declared("i6300esb"), outside("wdat")], model: "i6300esb" },
    "keeps i6300esb for wdat",
  ],
  // A machine that we do not know is its operator's business.
  [{ architecture: "riscv64", machine: "virt", model: "i6300esb" }, "adds i6300esb"],
];

/** What is asked, and why it is refused. */
const REFUSALS: readonly (readonly [Partial<WatchdogNeed>, RegExp])[] = [
  [{ os: "http://microsoft.com/win/2k22" }, /^Windows has no driver/],
  [{ ...q35, os: "http://microsoft.com/win/11" }, /^Windows has no driver/],
  [{ os: "http://microsoft.com/win/10", watchdogs: [declared("i6300esb")] }, /^Windows has no driver/],
  [{ model: "i6300esb", ...q35, os: "http://microsoft.com/win/11" }, /^Windows has no driver/],
  [
    { model: "wdat", os: "http://microsoft.com/win/11" },
    /^wdat is a table for q35's own timer, and this guest is pc-i/,
  ],
  [{ model: "wdat" }, /^wdat is a table for q35's own timer, and this guest is pc-i440fx-7\.2 \(x86_64\)$/],
  [{ model: "wdat", machine: "virt-7.2", architecture: "aarch64" }, /^wdat is a table for q35's own timer/],
  [{ os: rhel("5.11") }, /^RHEL supports i6300esb since 6\.0, and this guest has 5\.11$/],
  [{ os: rhel("5-unknown") }, /^RHEL supports i6300esb since 6\.0, and this guest has 5$/],
  [{ os: "http://oracle.com/ol/5.8" }, /^RHEL supports i6300esb since 6\.0/],
  [{ os: rhel("6.1"), model: "ib700" }, /^RHEL supports ib700 since 6\.2, and this guest has 6\.1$/],
  [{ machine: "pc-q35-8.2", model: "ib700" }, /^libvirt allows ib700 on i440fx alone, and this guest is pc-q35-8\.2/],
  [{ machine: "isapc" }, /^i6300esb is a PCI device, and isapc has no PCI bus$/],
  [{ machine: "isapc", model: "ib700" }, /^libvirt allows ib700 on i440fx alone/],
  [{ machine: "microvm" }, /^i6300esb is a PCI device, and microvm has no PCI bus$/],
  [{ architecture: "aarch64", machine: "virt-7.2", model: "ib700" }, /^ib700 is an ISA device of a PC/],
  [{ architecture: "aarch64", machine: "sbsa-ref" }, /^no watchdog device is known to be right for sbsa-ref/],
  [{ architecture: "s390x", machine: "s390-ccw-virtio", model: "i6300esb" }, /^an s390x guest takes diag288 alone$/],
  [{ model: "diag288" }, /^diag288 is a device of s390x, and this guest is pc-i440fx-7\.2 \(x86_64\)$/],
  [{ model: "itco" }, /^itco is part of q35, and this guest is pc-i440fx-7\.2/],
  [{ machine: "pc-q35-7.2", model: "itco" }, /^libvirt has itco since 9\.1/],
  [{ machine: "", architecture: "" }, /^no watchdog device is known to be right for an unknown machine/],
];

for (const [given, expected] of CHOICES) {
  test(`${JSON.stringify(given)}: ${expected}`, () => {
    const choice = chooseWatchdog(need(given));
    assert.ok("model" in choice, JSON.stringify(choice));
    const { kept, model, beside, replaces, action } = choice;
    const company = beside === undefined ? [] : ["beside", beside];
    const words = [kept ? "keeps" : "adds", model, ...company, ...(replaces.length > 0 ? ["for", ...replaces] : [])];
    assert.equal(words.join(" "), expected);
    assert.equal(action, "reset");
  });
}

for (const [given, reason] of REFUSALS) {
  test(`${JSON.stringify(given)} is refused`, () => {
    const choice = chooseWatchdog(need(given));
    assert.ok("refused" in choice, JSON.stringify(choice));
    assert.match(choice.refused, reason);
    assert.ok(choice.hint.length > 0);
  });
}

test("an action is what was asked for, and its price is told; reset is the only one without", () => {
  for (const action of WATCHDOG_ACTIONS) {
    const choice = chooseWatchdog(need({ action }));
    assert.ok("model" in choice);
    assert.equal(choice.action, action);
    assert.equal(choice.warnings.length, action === "reset" ? 0 : 1, action);
  }
});

test("for Windows the table is what may do: it is named, never chosen, and told to be untested", () => {
  const windows = { ...q35, os: "http://microsoft.com/win/2k22" };
  const refused = chooseWatchdog(need(windows));
  assert.ok("hint" in refused);
  assert.match(refused.hint, /^--model wdat may do for it: nobody has seen/);
  const asked = chooseWatchdog(need({ ...windows, model: "wdat" }));
  assert.ok("model" in asked);
  assert.match(asked.warnings.join(), /^nobody has seen Windows feed it/);
});
