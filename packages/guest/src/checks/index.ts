/** Every kind of check there is; to add one is to add its file and one line here. */
import type { CheckKind } from "../check.ts";
import { application } from "./application.ts";
import { disk } from "./disk.ts";
import { memory } from "./memory.ts";

export const checkKinds: readonly CheckKind[] = [memory, disk, application];
