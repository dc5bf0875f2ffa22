/**
 * Writes cpio archives in the "newc" format, which the kernel unpacks as initramfs: the same entries give the same bytes.
 * Format: https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
 */

export type Entry =
  | { readonly kind: "directory" }
  | { readonly kind: "file"; readonly data: Uint8Array; readonly executable: boolean }
  | { readonly kind: "link"; readonly target: string };

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/** The archive of `entries`, which are keyed by their path without a leading slash; missing parent folders are added. */
export function cpio(entries: ReadonlyMap<string, Entry>): Buffer {
  const all = new Map(entries);
  for (const path of entries.keys()) {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join("/");
      if (!all.has(parent)) all.set(parent, { kind: "directory" });
    }
  }
  const blocks: Buffer[] = [];
  let inode = 1; // distinct, or the kernel takes files for hard links of each other
  // A parent sorts before what is in it, as the kernel needs it.
  for (const path of [...all.keys()].sort()) {
    const { mode, data } = content(all.get(path)!);
    blocks.push(...record(path, inode++, mode, data));
  }
  blocks.push(...record("TRAILER!!!", 0, 0, Buffer.alloc(0)));
  return Buffer.concat(blocks);
}

function content(entry: Entry): { mode: number; data: Uint8Array } {
  switch (entry.kind) {
    case "directory":
      return { mode: S_IFDIR | 0o755, data: Buffer.alloc(0) };
    case "file":
      return { mode: S_IFREG | (entry.executable ? 0o755 : 0o644), data: entry.data };
    case "link":
      return { mode: S_IFLNK | 0o777, data: Buffer.from(entry.target) };
  }
}

function record(path: string, inode: number, mode: number, data: Uint8Array): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const fields = [
    inode,
    mode,
    0, // uid
    0, // gid
    1, // nlink
    0, // mtime
    data.length,
    0, // devmajor
    0, // devminor
    0, // rdevmajor
    0, // rdevminor
    name.length,
    0, // check: unused in newc
  ];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [padded(Buffer.concat([header, name])), padded(data)];
}

/** Header with name, and data, each end on a multiple of four bytes. */
function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
