/** Every finding, in the order in which a guest's are told. To add one is to add its file and a line here. */
import type { Rule } from "../finding.ts";
import { acpiTable } from "./acpi-table.ts";
import { consoleNotLogged } from "./console-not-logged.ts";
import { crashesLibvirt } from "./crashes-libvirt.ts";
import { deadDevice } from "./dead-device.ts";
import { dumpResumes } from "./dump-resumes.ts";
import { feederUnknown } from "./feeder-unknown.ts";
import { firedAndPaused } from "./fired-and-paused.ts";
import { nextStartDiffers } from "./next-start-differs.ts";
import { noAnswer } from "./no-answer.ts";
import { noChannel } from "./no-channel.ts";
import { noDevice } from "./no-device.ts";
import { noDriver } from "./no-driver.ts";
import { owned } from "./owned.ts";
import { pauseUnanswered } from "./pause-unanswered.ts";
import { severalWatchdogs } from "./several-watchdogs.ts";
import { shortForCrashDump } from "./short-for-crash-dump.ts";
import { silentFeeder } from "./silent-feeder.ts";
import { staysOff } from "./stays-off.ts";
import { storagePaused } from "./storage-paused.ts";
import { unfed } from "./unfed.ts";
import { unknownAction } from "./unknown-action.ts";
import { weakAction } from "./weak-action.ts";

export const rules: readonly Rule[] = [
  noAnswer,
  firedAndPaused,
  storagePaused,
  noDevice,
  noDriver,
  unfed,
  silentFeeder,
  feederUnknown,
  deadDevice,
  dumpResumes,
  pauseUnanswered,
  weakAction,
  staysOff,
  unknownAction,
  crashesLibvirt,
  severalWatchdogs,
  nextStartDiffers,
  shortForCrashDump,
  owned,
  noChannel,
  consoleNotLogged,
  acpiTable,
];
