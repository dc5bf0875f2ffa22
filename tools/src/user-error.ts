/** An error that its reader can act on: printed as one line, without a stack. */
export class UserError extends Error {
  readonly hint: string | undefined;
  readonly exitCode: 1 | 2 | 3;

  /**
   * @param message what is wrong and where
   * @param hint what to do about it
   * @param exitCode 1 a failure, 2 usage or configuration, 3 unreachable or refused
   */
  constructor(message: string, hint?: string, exitCode: 1 | 2 | 3 = 1) {
    super(hint === undefined ? message : `${message}; ${hint}`);
    this.name = "UserError";
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

/** Node's system error code (`ENOENT`...) of whatever was thrown, if it has one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

export const NO_SPACE_HINT = "free some disk space and try again";

/** What to do about the system's own errors, by their code. */
const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: NO_SPACE_HINT,
  EDQUOT: NO_SPACE_HINT,
  EACCES: "run this as the user who owns that file, or as root",
  EPERM: "run this as the user who owns that file, or as root",
  EISDIR: "move that folder away: a file belongs there",
  EROFS: "put the checkout and the temporary folder (TMPDIR) where files can be written",
};

/** The one line to print for whatever was thrown. */
export function errorLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const hint = HINTS[errorCode(error) ?? ""];
  return (hint === undefined ? text : `${text}; ${hint}`).replaceAll(/\s*\n\s*/g, " ");
}
