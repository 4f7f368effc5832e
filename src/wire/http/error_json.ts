import type { Fault } from '../../model/errors/fault.ts';
import type { ErrorEnvelope } from './envelope.ts';

/** Where an error is explained: the page that every edgetap serves. */
export const errorsPath = '/docs/errors';

/** The envelope of a refusal. `origin` goes before the documentation's path: nothing, or where edgetap is known to be. */
export function errorJson(faults: readonly Fault[], origin = ''): ErrorEnvelope {
  return {
    result: null,
    success: false,
    errors: faults.map(({ code, message, pointer }) => ({
      code,
      message,
      documentation_url: `${origin}${errorsPath}#${code}`,
      ...(pointer === undefined ? {} : { source: { pointer } }),
    })),
    messages: [],
  };
}
