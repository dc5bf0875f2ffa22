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

/** The one line to print for whatever was thrown. */
export function errorLine(error: unknown): string {
  if (errorCode(error) === "ENOSPC") return `${(error as Error).message}; free some disk space and try again`;
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, " ");
}
