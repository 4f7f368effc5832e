/** Codes 1000 to 1099. */
export const apiFaults = {
  unauthorized: {
    code: 1000,
    status: 401,
    retry: 'no',
    text: 'No valid credentials came with this request: send "Authorization: Bearer TOKEN", or X-Auth-Email and X-Auth-Key.',
  },
  token_expired: {
    code: 1001,
    status: 401,
    retry: 'no',
    text: 'This token expired at {at}: make another with "edgetap token create".',
  },
  forbidden: {
    code: 1002,
    status: 403,
    retry: 'no',
    text: 'These credentials lack the permission "{permission}" that this request needs.',
  },
  not_found: { code: 1003, status: 404, retry: 'no', text: 'There is no {what} with this id in this account.' },
  route_unknown: {
    code: 1004,
    status: 404,
    retry: 'no',
    text: 'There is no {method} {path}: see /openapi.json for all that there is.',
  },
  method_not_allowed: {
    code: 1005,
    status: 405,
    retry: 'no',
    text: '{method} is not possible on {path}; possible: {allowed}.',
  },
  body_unreadable: { code: 1006, status: 400, retry: 'no', text: 'The body is not valid JSON: {reason}' },
  body_too_large: {
    code: 1007,
    status: 413,
    retry: 'no',
    text: 'The body has more than {limit_bytes} bytes, the most that is read.',
  },
  content_type_unsupported: {
    code: 1008,
    status: 415,
    retry: 'no',
    text: 'The content type "{type}" is not understood here: send application/json.',
  },
  rate_limited: {
    code: 1009,
    status: 429,
    retry: 'soon',
    text: 'More than {limit} capture requests in a minute: wait {wait_s} s and send it again.',
  },
  running_limit: {
    code: 1010,
    status: 429,
    retry: 'no',
    text: '{limit} full captures are pending or running, the most at one time: stop one, or wait for one to end.',
  },
  idempotency_mismatch: {
    code: 1011,
    status: 422,
    retry: 'no',
    text: 'This Idempotency-Key came before with another body: send another key.',
  },
  internal: {
    code: 1012,
    status: 500,
    retry: 'default',
    text: 'edgetap failed to answer this request; its log has the cause under request id {request_id}.',
  },
  unavailable: { code: 1013, status: 503, retry: 'soon', text: '{what} is not available now: {reason}' },
  request_malformed: { code: 1014, status: 400, retry: 'no', text: 'This is not a request that can be read: {reason}' },
} as const;
