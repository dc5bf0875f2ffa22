/** All that is kept of an incident, to be taken away: a directory with a page for people, and that as an archive. */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import type { KeptIncident } from "../journal/journal.ts";
import { summary } from "./summary.ts";

/** The name of the page for people. */
export const SUMMARY = "SUMMARY.txt";

export interface ExportDirectory {
  readonly dir: string;
  remove(): Promise<void>;
}

/** @param evidence the directory of its evidence, there or not; undefined: it has none */
export async function exportDirectory(
  host: string,
  incident: KeptIncident,
  evidence: string | undefined,
): Promise<ExportDirectory> {
  const dir = await mkdtemp(join(tmpdir(), "bernard-export-"));
  // What is taken away meanwhile is no part of it.
  if (evidence !== undefined) await cp(evidence, dir, { recursive: true }).catch(() => {});
  await writeFile(join(dir, SUMMARY), summary(host, incident));
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** The directory as tar.gz, the summary first; it is removed when that is over. What tar cannot finish breaks off. */
export async function archive({ dir, remove }: ExportDirectory): Promise<Readable> {
  const others = (await readdir(dir)).filter((name) => name !== SUMMARY);
  const tar = spawn("tar", ["-C", dir, "-cz", "--owner=0", "--group=0", SUMMARY, ...others], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const out = new PassThrough();
  const failed = (why: Error) => out.destroy(why);
  tar.once("error", failed);
  tar.once("close", (code) => {
    remove().catch(() => {});
    if (code === 0) out.end();
    else failed(new Error(`tar ended with ${code}`));
  });
  out.once("close", () => tar.stdout.destroy());
  return tar.stdout.on("error", failed).pipe(out, { end: false });
}
