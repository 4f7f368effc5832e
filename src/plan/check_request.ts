import { checkExpression } from '../filter/check_expression.ts';
import { checkFilterV1, type RawFilterV1 } from '../filter/check_filter_v1.ts';
import type { CaptureSpec, FileFormat } from '../model/capture.ts';
import type { EstimateSpec } from '../model/estimate.ts';
import { coloMatches } from '../model/colo.ts';
import { canonicalDestination, parseDestination } from '../model/destination.ts';
import { type Fault, fault } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { Ownership } from '../model/ownership.ts';
import { ok, type Result, refused } from '../model/result.ts';
import type { Scope } from '../model/scope.ts';
import { formatTime, parseTime, type TimeNs } from '../model/time.ts';
import { seconds } from './seconds.ts';

/** The fields of a capture request that passed the schema, each by itself; what did not pass is left out. */
export interface RequestFields {
  readonly type?: 'simple' | 'full';
  readonly time_limit?: number;
  readonly packet_limit?: number;
  readonly byte_limit?: number;
  /** Seconds. */
  readonly lookback?: number;
  readonly offset_time?: string;
  readonly colo_name?: string;
  /** The older name of `colo_name`. */
  readonly colo?: string;
  readonly destination_conf?: string;
  readonly filter_v1?: RawFilterV1;
  readonly filter_expression?: string;
  readonly format?: FileFormat;
  readonly match_inner?: boolean;
}

/** What the world looks like to the account that asks. */
export interface RequestContext {
  readonly now: TimeNs;
  /** The sites of the sensors that the account may see. */
  readonly colos: readonly string[];
  /** The buckets of the account, or at least the one that the request names. */
  readonly ownerships: readonly Ownership[];
  readonly scope: Scope;
  /** Time of the oldest sample that these sensors have, where they have any. */
  readonly samples_from?: TimeNs;
}

/** What the schema check left of a request, and the faults that it reported. */
interface FoundFields {
  readonly faults: readonly Fault[];
  readonly fields: RequestFields;
}

/** The most site names that an error lists. */
const colos_told_max = 20;

/**
 * Judges a capture request against the state of the world, after the schema: `found` is what the schema check left of it
 * and the faults that it reported. All faults of both come together; a spec comes only when there is none. That the
 * filter expression compiles is not known yet.
 */
export function checkCaptureRequest(found: FoundFields, context: RequestContext): Result<CaptureSpec> {
  const judged = judge(found, context);
  if (!judged.ok) return judged;
  const { spec, bucket } = judged.value;
  if (spec.type === 'simple') return ok(spec);
  if (bucket === undefined) return lacking('destination_conf');
  return ok({ ...spec, destination_conf: bucket.destination_conf, ownership_id: bucket.id });
}

/**
 * Judges the same request where it asks for an estimate only: a full one may leave its bucket out. One that is named is judged all the
 * same.
 */
export function checkEstimateRequest(found: FoundFields, context: RequestContext): Result<EstimateSpec> {
  const judged = judge(found, context);
  return judged.ok ? ok(judged.value.spec) : judged;
}

function judge(
  found: FoundFields,
  context: RequestContext,
): Result<{ readonly spec: EstimateSpec; readonly bucket?: Ownership }> {
  const { fields } = found;
  const faults: Fault[] = [...found.faults];
  const take = <T>(result: Result<T>): T | undefined => {
    if (result.ok) return result.value;
    faults.push(...result.faults);
    return undefined;
  };

  if (grantsNothing(context.scope)) faults.unshift(fault('scope_empty'));
  const filter_v1 = take(checkFilterV1(fields.filter_v1 ?? {}));
  const expression = fields.filter_expression?.trim() === '' ? undefined : fields.filter_expression;
  if (expression !== undefined) take(checkExpression(expression));
  const match_inner = fields.match_inner === true;
  if (match_inner && fields.type === 'full') faults.push(fault('match_inner_full', {}, '/match_inner'));
  const offset_time = take(checkOffset(fields.offset_time, context));
  const colo_name = take(checkColo(fields, context));
  const bucket =
    fields.destination_conf === undefined
      ? undefined
      : take(checkDestination(fields.destination_conf, context.ownerships));

  const [first, ...more] = faults;
  if (first !== undefined) return refused(first, ...more);
  const { type, time_limit, packet_limit, byte_limit, lookback } = fields;
  if (type === undefined || time_limit === undefined || filter_v1 === undefined) return lacking('type');
  const common = {
    system: 'magic-transit',
    time_limit_s: time_limit,
    filter_v1,
    ...(expression === undefined ? {} : { filter_expression: expression }),
    format: fields.format ?? 'pcap',
  } as const;
  if (type === 'simple') {
    if (packet_limit === undefined || offset_time === undefined) return lacking('packet_limit');
    return ok({ spec: { type, ...common, packet_limit, offset_time, ...(match_inner ? { match_inner } : {}) } });
  }
  if (colo_name === undefined) return lacking('colo_name');
  const spec = {
    type,
    ...common,
    ...(packet_limit === undefined ? {} : { packet_limit }),
    ...(byte_limit === undefined ? {} : { byte_limit }),
    ...(lookback === undefined ? {} : { lookback_s: lookback }),
    colo_name,
  } as const;
  return ok({ spec, ...(bucket === undefined ? {} : { bucket }) });
}

/** Reached only by a caller that did not check the schema. */
function lacking(field: string): Result<never> {
  return refused(fault('field_required', { field, context: '' }, `/${field}`));
}

function grantsNothing({ sensors, networks }: Scope): boolean {
  return sensors.length === 0 || networks.length === 0;
}

function checkOffset(text: string | undefined, { now, samples_from }: RequestContext): Result<TimeNs> {
  if (text === undefined) return ok(now);
  const at = '/offset_time';
  const time = parseTime(text);
  if (time === undefined) return refused(fault('offset_unreadable', {}, at));
  if (time > now + seconds(limits.ahead_max_s)) {
    return refused(fault('offset_in_future', { now: formatTime(now) }, at));
  }
  const oldest = now - seconds(limits.lookback_max_s);
  // No sensor may have been there for so long.
  const kept = samples_from !== undefined && samples_from > oldest ? samples_from : oldest;
  if (time < oldest) return refused(fault('offset_too_old', { oldest: formatTime(kept) }, at));
  return ok(time > now ? now : time);
}

function checkColo(fields: RequestFields, { colos, scope }: RequestContext): Result<string | undefined> {
  const named = fields.colo_name ?? fields.colo;
  if (named === undefined || grantsNothing(scope)) return ok(named);
  if (colos.some((colo) => coloMatches(named, colo))) return ok(named);
  const distinct = [...new Set(colos)].sort();
  const known = distinct.length === 0 ? 'none yet' : distinct.slice(0, colos_told_max).join(', ');
  const more = distinct.length > colos_told_max ? ` and ${distinct.length - colos_told_max} more` : '';
  const at = fields.colo_name === undefined ? '/colo' : '/colo_name';
  return refused(fault('colo_unknown', { colo: named, known: known + more }, at));
}

function checkDestination(text: string, ownerships: readonly Ownership[]): Result<Ownership> {
  const at = '/destination_conf';
  const parsed = parseDestination(text, at);
  if (!parsed.ok) return parsed;
  const destination = canonicalDestination(parsed.value.destination);
  const same = ownerships.filter((one) => one.destination_conf === destination);
  const proved = same.find((one) => one.status === 'success');
  if (proved !== undefined) return ok(proved);
  const [pending] = same;
  if (pending === undefined) return refused(fault('destination_not_owned', { destination }, at));
  return refused(fault('destination_not_validated', { destination, filename: pending.filename }, at));
}
