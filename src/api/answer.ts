import type { ResponseInfo, ResultInfo } from '../wire/http/envelope.ts';

/** The envelope of a good answer. */
export interface Answer<Result> {
  readonly result: Result;
  readonly success: true;
  readonly errors: ResponseInfo[];
  readonly messages: ResponseInfo[];
}

/** Puts a result into its envelope. */
export function answer<Result>(result: Result): Answer<Result> {
  return { result, success: true, errors: [], messages: [] };
}

/** Puts a page of a list into its envelope. */
export function listAnswer<Item>(
  items: Item[],
  page: { readonly page: number; readonly per_page: number; readonly total_count: number },
): Answer<Item[]> & { readonly result_info: ResultInfo } {
  const total_pages = Math.ceil(page.total_count / page.per_page);
  return { ...answer(items), result_info: { ...page, count: items.length, total_pages } };
}
