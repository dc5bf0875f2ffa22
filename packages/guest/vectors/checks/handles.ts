/** Open files: an attempt that is refused, and what is none. */
import { handles } from "../../src/checks/handles.ts";
import { UNBORN } from "../../src/platform.ts";
import { suite } from "../vector.ts";
import { tellReadings } from "./tell.ts";

const table = (open: number, limit: string) => ({ "/proc/sys/fs/file-nr": `${open}\t0\t${limit}\n` });
const SYSTEMD = "9223372036854775807";
const attempt = (status: number, output = "") => ({ jobs: { openFile: { status, output } } });

export const files = suite("handles", tellReadings(handles), [
  [
    "a crowded table has it tried more often; refusals decide, for their hold time",
    {
      files: table(400, "10000"),
      config: "handles-hold = 10",
      changes: [
        { at: 10, files: table(9990, "10000"), ...attempt(23) },
        { at: 25, files: table(9000, "10000"), ...attempt(0) },
      ],
      until: 40,
    },
    {
      heard: [
        "12: handles failing: no more files can be opened: 9990 open of 10000 (ENFILE)",
        "23: handles failed, reboot: no more files can be opened: 9990 open of 10000 (ENFILE)",
        "30: handles healthy",
      ],
      readings: { open_files: 9000, open_files_percent: 90 },
    },
  ],
  [
    "systemd's limit is no limit",
    { files: table(900_000, SYSTEMD), until: 5 },
    { heard: [], readings: { open_files: 900_000, open_files_percent: 0 } },
  ],
  [
    "a refusal for want of anything else says nothing of files, nor does an attempt that was not made",
    {
      files: table(400, "10000"),
      changes: [
        { at: 0, ...attempt(12) },
        { at: 30, ...attempt(UNBORN, "11") },
      ],
      until: 70,
    },
    { heard: [], readings: { open_files: 400, open_files_percent: 4 } },
  ],
  [
    "an attempt that stays root's would never be refused: that is told",
    { files: table(400, "10000"), changes: [{ at: 0, ...attempt(1) }], until: 130 },
    {
      heard: ["1: log: warning: handles: the attempt to open a file stays root's; needs CAP_SETUID"],
      readings: { open_files: 400, open_files_percent: 4 },
    },
  ],
  ["garbage is no number", { files: { "/proc/sys/fs/file-nr": "?" }, until: 5 }, { heard: [], readings: {} }],
  ["off", { files: table(1, "1"), config: "file-probe = no", until: 5 }, { heard: [] }],
]);
