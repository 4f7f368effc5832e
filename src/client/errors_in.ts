import { checkAnswer } from '../wire/http/check_answer.ts';
import type { ToldError } from './api_error.ts';

/** The errors of a refusal's body; undefined when it is not the envelope that edgetap sends. */
export function errorsIn(text: string): readonly [ToldError, ...ToldError[]] | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!checkAnswer('Errors', body)) return undefined;
  const [first, ...more] = body.errors.map(({ code, message, source }): ToldError => {
    return { code, message, ...(source?.pointer === undefined ? {} : { pointer: source.pointer }) };
  });
  return first === undefined ? undefined : [first, ...more];
}
