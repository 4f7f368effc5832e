import { accountById } from '../../db/accounts.ts';
import type { Database } from '../../db/database.ts';
import { ownershipByDestination } from '../../db/ownerships.ts';
import { listSensors, type SensorRecord } from '../../db/sensors.ts';
import { type InnerFilter, type JoinedFilter, joinFilter } from '../../filter/join_filter.ts';
import type { CaptureSpec } from '../../model/capture.ts';
import { canonicalDestination, parseDestination } from '../../model/destination.ts';
import { type Fault, FaultError, fault } from '../../model/errors/fault.ts';
import type { EstimateSpec } from '../../model/estimate.ts';
import type { Ownership } from '../../model/ownership.ts';
import { ok, type Result } from '../../model/result.ts';
import type { Scope } from '../../model/scope.ts';
import type { TimeNs } from '../../model/time.ts';
import { linkTypes } from '../../pcap/link_type.ts';
import { checkCaptureRequest, checkEstimateRequest, type RequestContext } from '../../plan/check_request.ts';
import { visibleSensors } from '../../plan/choose_parts.ts';
import { type CaptureBodyCheck, checkCaptureBody, checkEstimateBody } from '../../wire/http/check_capture_body.ts';
import type { Caller } from '../control.ts';
import type { FleetWatch } from '../fleet/fleet_watch.ts';
import { heardOf } from '../fleet/heard_of.ts';
import type { CheckFilter } from './check_filter.ts';

/** What checking requests takes. */
export interface CheckDeps {
  readonly db: Database;
  readonly watch: FleetWatch;
  readonly checkFilter: CheckFilter;
  /** The highest packet_limit that the operator allows. */
  readonly packets_max: number;
}

/** A checked request, what its account may see, and the sensors of that, also such as are not there: `membersSince` tells. */
export interface Checked<Spec> {
  readonly spec: Spec;
  readonly scope: Scope;
  readonly fleet: readonly SensorRecord[];
}

/** Checks a request for a capture that came when the wall clock showed `now`. @throws {FaultError} every fault of it at once: the schema's, the state's, and the filter's */
export async function checkCapture(
  deps: CheckDeps,
  by: Caller,
  body: unknown,
  now: TimeNs,
): Promise<Checked<CaptureSpec>> {
  const found = checkCaptureBody(body, deps.packets_max);
  return await check(deps, by, found, now, (context) => checkCaptureRequest(found, context));
}

/** Checks a request for an estimate in the same way. */
export async function checkEstimate(
  deps: CheckDeps,
  by: Caller,
  body: unknown,
  now: TimeNs,
): Promise<Checked<EstimateSpec>> {
  const found = checkEstimateBody(body, deps.packets_max);
  return await check(deps, by, found, now, (context) => checkEstimateRequest(found, context));
}

async function check<Spec extends EstimateSpec>(
  deps: CheckDeps,
  by: Caller,
  found: CaptureBodyCheck,
  now: TimeNs,
  judge: (context: RequestContext) => Result<Spec>,
): Promise<Checked<Spec>> {
  const { db } = deps;
  const account = await accountById(db, by.account_id);
  if (account === undefined) throw new FaultError([fault('not_found', { what: 'account' })]);
  const { scope } = account;
  const fleet = visibleSensors(heardOf(await listSensors(db), await db.now()), scope);
  const ownerships = await bucketsNamed(db, by.account_id, found.fields.destination_conf);
  // Of one that has said good-bye there is nothing to be had from now on.
  const present = fleet.filter((sensor) => deps.watch.of(sensor) !== 'left');
  const colos = [...new Set(present.map((sensor) => sensor.colo))].toSorted();
  const oldest = present.flatMap((sensor) => sensor.samples.flatMap((one) => one.oldest ?? []));
  const [samples_from] = oldest.toSorted((one, other) => (one < other ? -1 : 1));
  const spec = judge({ now, colos, ownerships, scope, ...(samples_from === undefined ? {} : { samples_from }) });
  const faults: Fault[] = spec.ok ? [] : [...spec.faults];
  const expression = found.fields.filter_expression;
  // The expression is tried even beside other faults, unless it is at fault already.
  if (spec.ok || (expression !== undefined && !faults.some((one) => one.pointer === '/filter_expression'))) {
    const filter = joinFilter(
      spec.ok
        ? {
            filter_v1: spec.value.filter_v1,
            expression: spec.value.filter_expression,
            networks: scope.networks,
            match_inner: spec.value.type === 'simple' && spec.value.match_inner,
          }
        : { filter_v1: {}, expression, networks: 'all' },
    );
    faults.push(
      ...(await filterFaults(deps.checkFilter, filter, {
        fleet,
        live: spec.ok && spec.value.type === 'full',
        owner: by.account_id,
      })),
    );
  }
  const [first, ...more] = faults;
  if (first !== undefined) throw new FaultError([first, ...more]);
  if (!spec.ok) throw new FaultError([fault('internal', { request_id: by.request_id })]);
  return { spec: spec.value, scope, fleet };
}

/** The bucket of a destination, where the account has one. */
async function bucketsNamed(db: Database, account_id: string, text: string | undefined): Promise<readonly Ownership[]> {
  const parsed = text === undefined ? undefined : parseDestination(text, '/destination_conf');
  if (parsed?.ok !== true) return [];
  const found = await ownershipByDestination(db, account_id, canonicalDestination(parsed.value.destination));
  return found === undefined ? [] : [found];
}

/** What libpcap says; a filter that no interface of the fleet can match is a fault too, and so is one for inner packets that none can. */
async function filterFaults(
  checkFilter: CheckFilter,
  filter: JoinedFilter,
  { fleet, live, owner }: { readonly fleet: readonly SensorRecord[]; readonly live: boolean; readonly owner: string },
): Promise<readonly Fault[]> {
  const known = fleet.flatMap((sensor) => sensor.interfaces.flatMap((port) => port.linktype ?? []));
  const linktypes = known.length === 0 ? [linkTypes.ethernet] : [...new Set(known)];
  const verdict = await checkFilter({ filter, linktypes, live, owner });
  if (!verdict.ok) return atExpression(verdict.faults);
  const inner = filter.inner === undefined ? undefined : await innerVerdict(checkFilter, filter, filter.inner, owner);
  if (inner?.ok === false) return atExpression(inner.faults);
  // What matches inner packets has something to find on every interface.
  if (inner?.value === 'possible') return [];
  const reasons = verdict.value.flatMap((one) => one.excluded ?? []);
  const [reason] = reasons;
  // Without an expression it is the scope that lets nothing through, which is an empty result and not a mistake.
  if (reason !== undefined && reasons.length === verdict.value.length && filter.expression_text !== '') {
    return [fault('linktype_excluded', { where: 'this account', reason }, '/filter_expression')];
  }
  return inner === undefined ? [] : [fault('match_inner_impossible', { reason: inner.value.excluded }, '/match_inner')];
}

/** Can an IP packet without a link layer match? */
async function innerVerdict(
  checkFilter: CheckFilter,
  { expression_text }: JoinedFilter,
  { text }: InnerFilter,
  owner: string,
): Promise<Result<'possible' | { readonly excluded: string }>> {
  const filter = { expression_text, any_tags_text: text, own_tags_text: '' };
  const verdict = await checkFilter({ filter, linktypes: [linkTypes.raw], live: false, owner });
  if (!verdict.ok) return verdict;
  const excluded = verdict.value[0]?.excluded;
  return ok(excluded === undefined ? 'possible' : { excluded });
}

function atExpression(faults: readonly Fault[]): readonly Fault[] {
  return faults.map((one) => ({ ...one, pointer: one.pointer ?? '/filter_expression' }));
}
