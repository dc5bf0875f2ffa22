import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { dependenciesOf, loadOrder, moduleName } from "../src/modules.ts";

suite("what a kernel module needs", () => {
  for (const { said, needs } of [
    {
      said: "license=GPL\0depends=virtio_ring,dm-mod,virtio\0retpoline=Y\0",
      needs: ["virtio_ring", "dm_mod", "virtio"],
    },
    { said: "license=GPL\0depends=\0retpoline=Y\0", needs: [] },
    { said: "license=GPL\0softdep=pre: crypto-crc32c\0", needs: [] },
  ]) {
    test(said.replaceAll("\0", " "), () => assert.deepEqual(dependenciesOf(Buffer.from(`\x7fELF\0${said}`)), needs));
  }
});

suite("the order to load modules in", () => {
  const needs: Record<string, string[]> = {
    ext4: ["jbd2", "mbcache"],
    virtio: [],
    virtio_ring: ["virtio"],
    virtio_pci: ["virtio_ring", "virtio"],
    virtio_blk: ["virtio", "virtio_ring"],
  };
  for (const { wanted, order } of [
    { wanted: [], order: [] },
    { wanted: ["virtio"], order: ["virtio"] },
    { wanted: ["ext4"], order: ["jbd2", "mbcache", "ext4"] },
    { wanted: ["virtio-pci", "virtio_blk"], order: ["virtio", "virtio_ring", "virtio_pci", "virtio_blk"] },
    { wanted: ["virtio", "virtio_ring", "virtio"], order: ["virtio", "virtio_ring"] },
  ]) {
    test(`${wanted.join(" ") || "nothing"}`, () =>
      assert.deepEqual(
        loadOrder(wanted, (name) => needs[name] ?? []),
        order,
      ));
  }

  test("modules that need each other are refused, not loaded for ever", () => {
    assert.throws(() => loadOrder(["a"], (name) => (name === "a" ? ["b"] : ["a"])), /a -> b -> a/);
  });

  test("a file's name and the kernel's name are the same module", () => {
    assert.equal(moduleName("kernel/drivers/md/dm-mod.ko"), "dm_mod");
  });
});
