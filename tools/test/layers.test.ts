/** Imports go down only: what CONTRIBUTING.md promises, held against every file. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { test } from "node:test";
import { root } from "@bernard/tools";

/** Each package and what it may import, itself apart. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  tools: [],
  "packages/watchdog": ["guest", "tools"],
  "packages/protocol": [],
  "packages/guest": ["protocol", "tools"],
  "packages/policy": [],
  "packages/hypervisor": ["policy", "protocol", "tools"],
  "packages/host": ["hypervisor", "policy", "protocol", "tools"],
  testbed: ["guest", "hypervisor", "protocol", "tools"],
  "packages/cli": ["host", "hypervisor", "policy", "protocol", "testbed", "tools", "watchdog"],
  e2e: ["cli", "guest", "host", "hypervisor", "protocol", "testbed", "tools"],
};

for (const [place, allowed] of Object.entries(LAYERS)) {
  test(`${place} imports ${allowed.join(", ") || "no other package"}`, async () => {
    const folder = join(root, place);
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".ts"));
    assert.ok(files.length > 0);
    for (const file of files.filter((name) => !name.includes("node_modules"))) {
      for (const target of await importsOf(join(folder, file))) {
        const own =
          target === `@bernard/${place.split("/").at(-1)}` || target.startsWith(`@bernard/${place.split("/").at(-1)}/`);
        const [, name] = /^@bernard\/([a-z0-9]+)/.exec(target) ?? [];
        if (name !== undefined) assert.ok(own || allowed.includes(name), `${place}/${file} imports ${target}`);
        if (target.startsWith(".")) {
          const path = relative(folder, resolve(folder, file, "..", target));
          assert.ok(!path.startsWith(".."), `${place}/${file} reaches out of its package: ${target}`);
        }
      }
    }
  });
}

test("the daemon itself imports nothing but the messages", async () => {
  const folder = join(root, "packages/guest/src");
  for (const file of (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".ts"))) {
    const outside = (await importsOf(join(folder, file))).filter((target) => !target.startsWith("."));
    assert.deepEqual(
      outside.filter((target) => target !== "@bernard/protocol/messages"),
      [],
      file,
    );
  }
});

test("the devices import nothing but themselves, and know no time but what they are told", async () => {
  const folder = join(root, "packages/watchdog/src");
  for (const file of await readdir(folder)) {
    assert.deepEqual(
      (await importsOf(join(folder, file))).filter((target) => !target.startsWith("./")),
      [],
      file,
    );
    assert.doesNotMatch(
      (await readFile(join(folder, file))).toString(),
      /Date\b|performance\b|setTimeout|process\./,
      file,
    );
  }
});

async function importsOf(file: string): Promise<string[]> {
  const text = (await readFile(file)).toString();
  return [...text.matchAll(/(?:^|\n)(?:import|export)\b[^;]*?from "([^"]+)"/g)].map(([, target]) => target as string);
}
