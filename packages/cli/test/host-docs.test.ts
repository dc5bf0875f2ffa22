/** What docs/host/guests.md and doctor.md show is what the commands print. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "@bernard/tools";
import { runBernard, startBernard } from "./run-bernard.ts";
import { startStage } from "./stage.ts";

const stage = await startStage();

/** Each command that a page shows, with what it prints there. */
async function examplesOf(page: string): Promise<{ args: string[]; printed: string }[]> {
  const text = await readFile(join(root, "docs/host", page), "utf8");
  const blocks = [...text.matchAll(/```console\n(.*?)```/gs)].map(([, block]) => block!);
  return blocks
    .flatMap((block) => block.split(/^\$ bernard /m).slice(1))
    .map((example) => {
      const [line, ...printed] = example.split("\n");
      return { args: line!.split(" "), printed: printed.join("\n") };
    });
}

/** Times apart. */
const timeless = (text: string) => text.replaceAll(/^\S+Z/gm, "TIME");

test("the pages' examples are what is printed", async (t) => {
  await stage.define(t, { name: "db", model: "i6300esb", action: "dump" });
  await stage.define(t, { name: "old", model: "none" });
  await stage.define(t, { name: "web", model: "i6300esb", log: true });
  const watching = startBernard(t, "watch", "--connect", stage.uri);
  await watching.nextLine("connected");
  await stage.start(t, { name: "mail", action: "pause" });
  await watching.nextLine("suspended");
  watching.child.kill("SIGINT");
  const watched = (await watching.ended).stdout;

  const examples = [...(await examplesOf("guests.md")), ...(await examplesOf("doctor.md"))];
  assert.deepEqual(
    examples.map(({ args }) => args.join(" ")),
    ["guests", "watch", "doctor", "doctor web"],
  );
  for (const { args, printed } of examples) {
    const isWatch = args[0] === "watch";
    const now = isWatch ? watched : (await runBernard(t, ...args, "--connect", stage.uri)).stdout;
    assert.equal(timeless(now), timeless(printed), args.join(" "));
  }
});
