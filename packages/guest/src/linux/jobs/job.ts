/** The one shape of a job. */

/** Runs in a process of its own, with all the time in the world: the spawner ends it past its deadline. */
export type JobTask = (...args: string[]) => JobResult;

interface JobResult {
  /** 0, or an errno. */
  readonly status: number;
  /** At most 4000 bytes; the rest is cut. */
  readonly output: string;
}
