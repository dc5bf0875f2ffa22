/** Every command there is; to add one is to add its file and one line here. */
import { check } from "./check.ts";
import type { Command } from "./command.ts";
import { heartbeat } from "./heartbeat.ts";
import { last } from "./last.ts";
import { mute, unmute } from "./mute.ts";
import { reload } from "./reload.ts";
import { status } from "./status.ts";

export const commands: readonly Command[] = [status, check, mute, unmute, reload, last, heartbeat];
