/** Versions of libvirt, as libvirt tells them: `9.0.0`. */

/** Whether it is known and older than MAJOR.MINOR. */
export function isBefore(version: string | undefined, major: number, minor: number): boolean {
  const [ourMajor, ourMinor] = (version ?? "").split(".").map(Number);
  if (ourMajor === undefined || ourMinor === undefined || Number.isNaN(ourMajor) || Number.isNaN(ourMinor))
    return false;
  return ourMajor < major || (ourMajor === major && ourMinor < minor);
}
