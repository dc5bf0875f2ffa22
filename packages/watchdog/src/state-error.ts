/** A saved state that cannot be restored; whatever should have taken it is as it was. */
export class StateError extends Error {
  readonly code = "BERNARD_STATE";

  constructor(what: string, why: string) {
    super(`the saved state of ${what} ${why}; restore it with the release that saved it`);
    this.name = "StateError";
  }
}
