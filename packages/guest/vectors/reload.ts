/** A reload: when the daemon becomes itself anew, and when it asks once more. */
import { Reload } from "../src/reload.ts";
import { type Change, ScriptedPlatform } from "./scripted.ts";
import { suite } from "./vector.ts";

const QUESTION = "exec /run/reload /sbin/it --config /etc/it --check";

interface Wait {
  /** The checks that are not healthy, look by look. */
  readonly unhealthy: readonly (readonly string[])[];
  readonly changes?: readonly Change[];
}

/** What is asked and said, and the look at which the reload comes. */
function tell({ unhealthy, changes = [] }: Wait): unknown {
  const platform = new ScriptedPlatform({ "/run/reload.stderr": "bernard-guest: /etc/it:1: bad\nmore" });
  const reload = new Reload(platform, { program: "/sbin/it", file: "/etc/it", log: "/run/reload" });
  reload.ask();
  unhealthy.forEach((names, look) => {
    platform.advance(look);
    for (const change of changes) if (change.at === look) platform.change(change);
    platform.runChildren();
    if (reload.isDue(names)) platform.note("anew");
  });
  return platform.heard;
}

const asks = (at: number) => `${at}: runs /sbin/it --config /etc/it --check`;

export const reloads = suite("reload", tell, [
  ["comes once the question is answered", { unhealthy: [[], []] }, [asks(0), "0: anew"]],
  [
    "waits for the sick, and asks once more, for the file may have changed",
    { unhealthy: [["a"], ["a"], [], []] },
    [asks(0), asks(2), "3: anew"],
  ],
  [
    "does not come where the file has become a bad one meanwhile",
    { unhealthy: [["a"], ["a"], [], [], []], changes: [{ at: 1, jobs: { [QUESTION]: { status: 2, output: "" } } }] },
    [asks(0), asks(2)],
  ],
]);
