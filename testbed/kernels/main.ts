/** `make docs-kernels`: writes the table in docs/guest/kernels.md, from Debian's packages as they are now and from a boot of each. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstalled, errorLine, kernelPackage, root, run, type Say, unpack } from "@bernard/tools";
import { type Arch, type Device, type Driven, survey } from "./survey.ts";

const page = join(root, "docs/guest/kernels.md");

const KERNELS: readonly (readonly [string, Arch, string])[] = [
  ["Debian 12", "amd64", "linux-image-amd64"],
  ["Debian 12, cloud", "amd64", "linux-image-cloud-amd64"],
  ["backports", "amd64", "linux-image-amd64/bookworm-backports"],
  ["backports, cloud", "amd64", "linux-image-cloud-amd64/bookworm-backports"],
  ["Debian 12", "arm64", "linux-image-arm64:arm64"],
  ["Debian 12, cloud", "arm64", "linux-image-cloud-arm64:arm64"],
  ["backports", "arm64", "linux-image-arm64:arm64/bookworm-backports"],
  ["backports, cloud", "arm64", "linux-image-cloud-arm64:arm64/bookworm-backports"],
];

/** Who may forbid a driver to load by itself, besides the kernel's own package. */
const KEEPERS_OF_BLACKLISTS = ["kmod", "udev", "systemd"];

const q35 = ["-machine", "q35", "-global", "ICH9-LPC.noreboot=off"];
const devices = (table: string): readonly Device[] => [
  {
    name: "i6300esb",
    identity: "i6300ESB timer",
    machine: {
      amd64: ["-machine", "pc", "-device", "i6300esb"],
      arm64: ["-machine", "virt", "-device", "i6300esb"],
    },
  },
  { name: "ib700", identity: "IB700 WDT", machine: { amd64: ["-machine", "pc", "-device", "ib700"] } },
  { name: "iTCO (q35)", identity: "iTCO_wdt", machine: { amd64: q35 } },
  { name: "WDAT (q35)", identity: "wdat_wdt", machine: { amd64: [...q35, "-acpitable", `file=${table}`] } },
];

const CELLS: Readonly<Record<Driven, string>> = {
  "by itself": "loads by itself",
  "by name": "by `modprobe` only",
  "no driver": "**no driver**",
  "no such device": "–",
};

const say: Say = (line) => console.error(`- ${line}`);

/** What Debian's packages blacklist of watchdog drivers. */
async function blacklisted(): Promise<string> {
  const folder = await unpack("kernels-blacklists", KEEPERS_OF_BLACKLISTS, say);
  const files = (await run("find", [folder, "-path", "*modprobe.d/*.conf"])).toString().trim().split("\n");
  const lines = (await Promise.all(files.map((file) => readFile(file, "utf8")))).join("\n").split("\n");
  const drivers = lines.filter((line) => /^blacklist .*(wdt|wdat|6300|watchdog|softdog|lpc_ich)/i.test(line));
  return drivers.length === 0 ? "no watchdog driver" : drivers.join(", ");
}

async function write(table: string): Promise<void> {
  await ensureInstalled(["qemu-system-x86", "qemu-system-arm", "kmod", "xz-utils"], say);
  await run(join(root, "bernard"), ["acpi-table", "--machine", "q35", "-o", table]);
  const columns = devices(table);
  const head = ["kernel", "", ...columns.map(({ name }) => name)];
  const rows = [head, head.map(() => "---")];
  for (const [label, arch, meta] of KERNELS) {
    const { release, driven } = await survey(await kernelPackage(meta), arch, columns, say);
    rows.push([`${label}, ${release}`, arch, ...driven.map((how) => CELLS[how])]);
    say(rows.at(-1)!.join(" | "));
  }
  const text = rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  const keepers = KEEPERS_OF_BLACKLISTS.join(", ");
  const filled = `\n${text}\n\nBlacklisted in Debian 12 (${keepers}): ${await blacklisted()}.\n\n`;
  const before = await readFile(page, "utf8");
  await writeFile(
    page,
    before.replace(
      /(<!-- kernels -->\n).*(<!-- end of kernels -->)/s,
      (_, first: string, last: string) => first + filled + last,
    ),
  );
  console.log(page);
}

const dir = await mkdtemp(join(tmpdir(), "kernels-"));
try {
  await write(join(dir, "q35.wdat"));
} catch (error) {
  console.error(`make docs-kernels: ${errorLine(error)}`);
  process.exitCode = 1;
} finally {
  await rm(dir, { recursive: true });
}
