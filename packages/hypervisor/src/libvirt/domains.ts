/** Every guest with its state, in as few calls as libvirt allows. */
import { type DomainState, domainState } from "./domain-state.ts";
import { isRefusal } from "./errors.ts";
import type { Args, Domain, Parameter, Procedures, Result } from "./procedures.ts";

export interface GuestState extends DomainState {
  readonly domain: Domain;
}

/** Makes a call on some connection. */
export type Caller = <K extends keyof Procedures>(name: K, args: Args<Procedures[K]>) => Promise<Result<Procedures[K]>>;

/** VIR_DOMAIN_STATS_STATE */
const STATS_STATE = 1;

/** Calls for single states at a time, on whatever connection: fewer than a daemon takes from one. */
const AT_A_TIME = 4;

/**
 * All guests, running or not, in libvirt's order.
 * @throws as calls do
 */
export async function domains(call: Caller): Promise<GuestState[]> {
  try {
    const { records } = await call("connectGetAllDomainStats", { domains: [], stats: STATS_STATE, flags: 0 });
    return records.map(({ domain, parameters }) => ({
      domain,
      ...domainState(numberOf(parameters, "state.state"), numberOf(parameters, "state.reason")),
    }));
  } catch (error) {
    if (!isRefusal(error, "noSupport")) throw error;
    return oneByOne(call);
  }
}

/** For hypervisors without statistics, such as libvirt's `test`. */
async function oneByOne(call: Caller): Promise<GuestState[]> {
  const { domains: all } = await call("connectListAllDomains", { needResults: 1, flags: 0 });
  const found: (GuestState | undefined)[] = all.map(() => undefined);
  const places = all.entries();
  const worker = async () => {
    for (const [place, domain] of places) found[place] = await stateOf(call, domain);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return found.filter((each) => each !== undefined);
}

/** Undefined where the guest has gone meanwhile. */
async function stateOf(call: Caller, domain: Domain): Promise<GuestState | undefined> {
  try {
    const { state, reason } = await call("domainGetState", { domain, flags: 0 });
    return { domain, ...domainState(state, reason) };
  } catch (error) {
    if (isRefusal(error, "noDomain")) return undefined;
    throw error;
  }
}

const numberOf = (parameters: readonly Parameter[], name: string): number =>
  Number(parameters.find((each) => each.name === name)?.value ?? 0);
