import { type Fault, fault } from '../../model/errors/fault.ts';
import { isId } from '../../model/id.ts';
import { limits } from '../../model/limits.ts';
import { ok, type Result, refused } from '../../model/result.ts';
import type { Status } from '../../model/status.ts';
import { type bucketListBounds, ListQuery, listBounds, PageQuery } from './list_query.ts';
import { unknownParameters } from './unknown_parameters.ts';

const once = 'there only once';

/** A checked query of a list, with its defaults. */
export interface CheckedListQuery {
  readonly page: number;
  readonly per_page: number;
  readonly status?: Status;
  readonly type?: 'simple' | 'full';
  /** The id of the capture that the list goes on after. */
  readonly before?: string;
}

/** The parameters of a list that has pages and nothing else. */
export const pageParameters: readonly string[] = Object.keys(PageQuery.properties);

/** The parameters of the list of captures. */
const listParameters: readonly string[] = Object.keys(ListQuery.properties);

/**
 * Checks the query of a list as it came: texts, or lists of them where a parameter was repeated, which is refused. An empty text
 * means absent. Parameters that are not among the known ones are refused.
 */
export function checkListQuery(
  query: Readonly<Record<string, unknown>>,
  known: readonly string[] = listParameters,
  allBounds: typeof listBounds | typeof bucketListBounds = listBounds,
): Result<CheckedListQuery> {
  const faults: Fault[] = [];
  const report = (name: string, expected: string): undefined => {
    faults.push(fault('parameter_invalid', { name, expected }, `/${name}`));
  };
  const number = (name: 'page' | 'per_page'): number => {
    const bounds = allBounds[name];
    const text = given(query, name);
    if (text === undefined) return bounds.default;
    if (typeof text !== 'string') {
      report(name, once);
      return bounds.default;
    }
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
    if (value >= bounds.minimum && value <= bounds.maximum) return value;
    report(name, `a whole number from ${bounds.minimum} to ${bounds.maximum}`);
    return bounds.default;
  };
  const oneOf = <Value extends string>(name: 'status' | 'type', allowed: readonly Value[]): Value | undefined => {
    const text = given(query, name);
    if (typeof text !== 'string') return text === undefined ? undefined : report(name, once);
    return allowed.find((one) => one === text) ?? report(name, `one of ${allowed.join(', ')}`);
  };
  const [page, per_page] = [number('page'), number('per_page')];
  if (known === listParameters && page * per_page > limits.list_depth_max) {
    report(
      'page',
      `at most ${Math.floor(limits.list_depth_max / per_page)}; what lies deeper is reached with before=ID`,
    );
  }
  const before = given(query, 'before');
  const isBefore = known.includes('before') && typeof before === 'string';
  if (before !== undefined && known.includes('before') && !(isBefore && isId(before))) {
    report('before', typeof before === 'string' ? 'the id of a capture' : once);
  }
  const status = oneOf<Status>('status', ListQuery.properties.status.enum);
  const type = oneOf<'simple' | 'full'>('type', ListQuery.properties.type.enum);
  faults.push(...unknownParameters(query, known));
  const [first, ...more] = faults;
  if (first !== undefined) return refused(first, ...more);
  return ok({
    page,
    per_page,
    ...(status === undefined ? {} : { status }),
    ...(type === undefined ? {} : { type }),
    ...(isBefore ? { before } : {}),
  });
}

function given(query: Readonly<Record<string, unknown>>, name: string): unknown {
  const value = Object.hasOwn(query, name) ? query[name] : undefined;
  return value === '' ? undefined : value;
}
