import type { Fault } from '../model/errors/fault.ts';
import type { ResponseInfo, ResultInfo } from '../wire/http/envelope.ts';

/** The envelope of a good answer. */
export interface Answer<Result> {
  readonly result: Result;
  readonly success: true;
  readonly errors: ResponseInfo[];
  readonly messages: ResponseInfo[];
}

/** Puts a result into its envelope, with what is to be said of it. */
export function answer<Result>(result: Result, notices: readonly Fault[] = []): Answer<Result> {
  const messages = notices.map(({ code, message }) => ({ code, message, documentation_url: `/docs/errors#${code}` }));
  return { result, success: true, errors: [], messages };
}

/** Puts a page of a list into its envelope. */
export function listAnswer<Item>(
  items: Item[],
  page: { readonly page: number; readonly per_page: number; readonly total_count: number },
): Answer<Item[]> & { readonly result_info: ResultInfo } {
  const total_pages = Math.ceil(page.total_count / page.per_page);
  return { ...answer(items), result_info: { ...page, count: items.length, total_pages } };
}
