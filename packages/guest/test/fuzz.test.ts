/** Whatever stands in a file: parsers do not throw, say where a problem is, and hand out nothing but legal values. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { encode, numberBehind } from "../src/bytes.ts";
import { kernelLog } from "../src/checks/kernel-log.ts";
import { type Found, type Key, parseConfig, type Settings } from "../src/config.ts";
import { parseAddress } from "../src/ip-address.ts";
import { defaultGateway } from "../src/kernel/default-route.ts";
import { parseFstab } from "../src/kernel/fstab.ts";
import { MountSearch } from "../src/kernel/mountinfo.ts";
import { parseProcess } from "../src/kernel/process-status.ts";
import { keys } from "../src/settings.ts";
import { ScriptedPlatform } from "../vectors/scripted.ts";

const CASES = { numRuns: 100_000 };
const FEWER_CASES = { numRuns: 10_000 };

const FILE = "/etc/b.conf";

/** What a file may include: two files, and a folder with both of them. */
const OTHERS = ["/etc/b.d/1.conf", "/etc/b.d/2.conf"] as const;
const FOLDER = "/etc/b.d/";
const places = [FILE, ...OTHERS, FOLDER, "/nowhere", "/nowhere/", "d"];

const odd = fc.constantFrom(
  "",
  "none",
  "auto",
  "yes",
  "NO",
  "alarm",
  "/",
  "//a//",
  "a b",
  "/\0",
  "#",
  "= =",
  "\u2028",
  "é",
);
const number = fc.oneof(
  fc.integer({ min: -2, max: 100_000 }).map(String),
  fc.double({ min: 0, max: 100, noNaN: true }).map((value) => value.toFixed(2)),
  fc.constantFrom("1e3", "0x10", "+1", "1.", ".5", ".", "1.2.3", "24 # h", "9".repeat(400), "٣"),
);
const value = fc.oneof(number, odd, fc.constantFrom(...places), fc.string({ maxLength: 12 }));
const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...keys.map(({ name }) => name)) },
  fc.constantFrom("include", "", "x"),
);
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(key, fc.constantFrom("=", " = ", "\t=\r"), value).map((parts) => parts.join("")) },
  {
    weight: 1,
    arbitrary: fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("#", "# x", "", "include = /etc/b.d/")),
  },
);
const file = fc.array(line, { maxLength: 8 }).map((lines) => lines.join("\n"));

function lines(text: string): number {
  return text.split("\n").length;
}

function isLegal(settings: Settings, one: Key): boolean {
  switch (one.type) {
    case "number":
      return isInRange(settings.number(one.name), one);
    case "attribute":
      return settings.texts(one.of).every((item) => {
        const number = settings.attribute(one.name, item);
        return number === undefined || isInRange(number, one);
      });
    case "switch":
      return typeof settings.on(one.name) === "boolean";
    case "choice":
      return one.options.includes(settings.choice(one.name));
    case "path":
      return isPath(settings.path(one.name)) || ["none", one.word].includes(settings.path(one.name));
    case "paths": {
      const paths = settings.paths(one.name);
      return paths.length <= one.most && paths.every((path) => isPath(path) || path === one.word);
    }
    case "texts": {
      const texts = settings.texts(one.name);
      return texts.length <= one.most && texts.every((text) => one.problemWith(text) === undefined);
    }
    case "retired":
      return true;
  }
}

function isInRange(number: number, { min, max, whole }: { min: number; max: number; whole?: true }): boolean {
  return number >= min && number <= max && (!whole || Number.isInteger(number));
}

function isPath(text: string): boolean {
  return text.startsWith("/") && !text.includes("\0") && (text === "/" || !text.endsWith("/"));
}

suite("whatever stands in a file", () => {
  test("of the configuration", () => {
    let accepted = 0;
    const property = fc.property(file, file, file, (main, one, two) => {
      const disk = new Map([
        [FILE, main],
        [OTHERS[0], one],
        [OTHERS[1], two],
      ]);
      const find = (path: string): Found => {
        const text = disk.get(path);
        if (text !== undefined) return { text };
        return path === FOLDER ? { names: ["2.conf", "1.conf", "x"] } : { problem: "no such file", missing: true };
      };
      const settings = parseConfig(main, FILE, keys, find);
      if (!("problems" in settings)) {
        accepted += 1;
        for (const one of keys) assert.ok(isLegal(settings, one), one.name);
        return;
      }
      assert.ok(settings.problems.length > 0 && settings.problems.length <= 21);
      for (const problem of settings.problems) {
        const [, where = "", at = ""] = /^([^:]+):(\d+): ./s.exec(problem) ?? [];
        const counted = /^\/etc\/b\.conf: \d+ more problems$/.test(problem);
        assert.ok(counted || (Number(at) >= 1 && Number(at) <= lines(disk.get(where) ?? "")), problem);
      }
    });
    fc.assert(property, CASES);
    assert.ok(accepted > CASES.numRuns / 100, `enough were accepted to say something: ${accepted}`);
  });

  const legal = keys.flatMap((one) => (one.type === "number" ? [one] : []));
  test("a number of the configuration that is in its range is taken as it is", () => {
    const arbitrary = fc
      .constantFrom(...legal)
      .chain((one) => fc.tuple(fc.constant(one), fc.integer({ min: Math.ceil(one.min), max: Math.floor(one.max) })));
    const property = fc.property(arbitrary, ([{ name }, value]) => {
      const settings = parseConfig(`${name} = ${value}`, FILE, keys);
      assert.ok(!("problems" in settings) && settings.number(name) === value);
    });
    fc.assert(property, { numRuns: 10_000 });
  });

  const kernelText = fc.oneof(
    fc
      .array(fc.constantFrom("MemTotal:", "full avg10=", "some", " ", "\n", "9", "0.5", ".", "kB", "-", "\0"), {
        maxLength: 12,
      })
      .map((parts) => parts.join("")),
    fc.string({ unit: "binary", maxLength: 30 }),
  );
  test("of meminfo and of pressure", () => {
    const property = fc.property(kernelText, fc.constantFrom("MemTotal:", "full avg10="), (text, name) => {
      const found = numberBehind(encode(text), encode(name));
      assert.ok(Number.isNaN(found) || found >= 0);
      if (!text.includes(name)) assert.ok(Number.isNaN(found));
    });
    fc.assert(property, CASES);
  });

  test("of a process's status", () => {
    const property = fc.property(fc.string({ unit: "binary", maxLength: 40 }), kernelText, (name, rest) => {
      const damaged = parseProcess(encode(`${name}${rest}`));
      assert.ok(damaged === undefined || damaged.startedAt >= 0);
      const status = parseProcess(encode(`7 (${name}) S ${"1 ".repeat(18)}99 5 6`));
      assert.ok(status?.alive && status.startedAt === 99, "no name hides what stands behind it");
    });
    fc.assert(property, FEWER_CASES);
  });

  test("of routes", () => {
    const digits = fc.constantFrom("00000000", "0202000A", "0003", "0001", "eth0", "0", "100", "x", "");
    const line = fc.array(digits, { maxLength: 12 }).map((fields) => fields.join("\t"));
    const table = fc.array(fc.oneof(line, kernelText), { maxLength: 6 }).map((lines) => lines.join("\n"));
    const property = fc.property(table, (text) => {
      const gateway = defaultGateway(encode(text));
      assert.ok(gateway === undefined || gateway.length === 4);
    });
    fc.assert(property, FEWER_CASES);
  });

  test("of addresses", () => {
    const part = fc.constantFrom("0", "255", "256", "1", "fd00", "12345", ".", ":", "::", "%eth0", "-1", " ");
    const property = fc.property(fc.array(part, { maxLength: 17 }), (parts) => {
      const address = parseAddress(parts.join(""));
      assert.ok(address === undefined || address.length === (parts.some((part) => part.includes(":")) ? 16 : 4));
    });
    fc.assert(property, FEWER_CASES);
    const known = fc.property(fc.ipV6(), (text) => {
      assert.equal(parseAddress(text)?.length, 16, text);
    });
    fc.assert(known, FEWER_CASES);
  });

  const field = fc.constantFrom(
    "25",
    "254:0",
    "/",
    "/data",
    "/a\\040b",
    "rw,relatime",
    "ro",
    "-",
    "ext4",
    "",
    "shared:1",
    "x\0",
  );
  const mountinfo = fc
    .array(
      fc.oneof(
        fc.array(field, { maxLength: 12 }).map((fields) => fields.join(" ")),
        fc.string({ maxLength: 20 }),
      ),
      { maxLength: 6 },
    )
    .map((all) => all.join("\n"));
  test("of mountinfo, in whatever pieces it comes", () => {
    const property = fc.property(
      mountinfo,
      fc.constantFrom("/", "/data", "/a b"),
      fc.integer({ min: 1, max: 40 }),
      (text, point, size) => {
        const whole = new MountSearch(point);
        const inPieces = new MountSearch(point);
        const bytes = encode(text);
        whole.take(bytes);
        for (let at = 0; at < bytes.length; at += size) inPieces.take(bytes.slice(at, at + size));
        assert.deepEqual(inPieces.found, whole.found);
        for (const part of Object.values(whole.found ?? {})) assert.ok(["string", "boolean"].includes(typeof part));
      },
    );
    fc.assert(property, CASES);
  });

  const fstab = fc
    .array(
      fc.oneof(
        fc
          .array(fc.constantFrom("UUID=1", "/", "/a\\040b", "/\\1", "ext4", "rw,nofail", "0", "#", "", "\r", "\0"), {
            maxLength: 7,
          })
          .chain((fields) => fc.constantFrom(" ", "\t", "  ").map((space) => fields.join(space))),
        fc.string({ maxLength: 20 }),
      ),
      { maxLength: 6 },
    )
    .map((all) => all.join("\n"));
  test("of fstab", () => {
    const property = fc.property(fstab, (text) => {
      const entries = parseFstab(text);
      assert.ok(entries.length <= lines(text));
      for (const { point, type } of entries) assert.ok(point.startsWith("/") && type !== "");
    });
    fc.assert(property, CASES);
  });

  const record = fc.oneof(
    fc
      .tuple(
        fc.constantFrom("3", "11", "-1", "", "9".repeat(30)),
        fc.constantFrom(",1,2,-;", ",,,;", ";", ","),
        fc.constantFrom(
          "Oops: 0002",
          "XFS (vda): x  Shutting down filesystem",
          "XFS (: ) Shutting down filesystem",
          "a mine b",
          "I/O error, dev vda",
        ),
        fc.constantFrom("\n", "", "\n SUBSYSTEM=block\n", "\\x0a;\0"),
      )
      .map((parts) => parts.join("")),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constant(null),
  );
  const settings = parseConfig("kernel-message = *mi*e*", FILE, keys) as Settings;
  test("of the kernel's log", () => {
    let heard = 0;
    const property = fc.property(fc.array(record, { maxLength: 8 }), (records) => {
      const platform = new ScriptedPlatform({});
      const [check] = kernelLog.create({ settings, platform, use: "watch", signs: { disk: 0 } });
      platform.change({ at: 0, kernelLog: records });
      const { reason, readings } = check?.read(0) ?? { reason: "no check", readings: {} };
      assert.match(reason, /^$|^the kernel says: .{1,200}$/s);
      assert.ok((readings.floods ?? -1) >= 0);
      if (reason !== "") heard += 1;
      if (!records.some((one) => /^[0-7]\D/.test(one ?? "")))
        assert.equal(reason, "", "only the kernel's own messages count");
    });
    fc.assert(property, CASES);
    assert.ok(heard > CASES.numRuns / 100, `enough was heard to say something: ${heard}`);
  });
});
