/** What the API takes and gives at most: its schema says so, and so do those who ask. */

/** Seconds of a mute: a longer one is forgotten about. */
export const MUTE_MAX_S = 30 * 86_400;

/** Incidents in one answer. */
export const INCIDENTS_MAX = 10_000;
