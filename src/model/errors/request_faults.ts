import type { FaultKind } from './kind.ts';

/** Codes 1100 to 1199. */
export const requestFaults = {
  field_required: { code: 1100, status: 400, retry: 'no', text: '{field} is required{context}.' },
  field_unknown: {
    code: 1101,
    status: 400,
    retry: 'no',
    text: '{field} is not a field of this request{context}: leave it out or correct its spelling.',
  },
  field_type: { code: 1102, status: 400, retry: 'no', text: '{field} must be {expected}.' },
  field_range: { code: 1103, status: 400, retry: 'no', text: '{field} must be from {min} to {max}.' },
  field_value: { code: 1104, status: 400, retry: 'no', text: '{field} must be one of {allowed}.' },
  field_length: { code: 1105, status: 400, retry: 'no', text: '{field} must have {expected}.' },
  body_type: { code: 1106, status: 400, retry: 'no', text: 'The body must be a JSON object.' },
  parameter_invalid: { code: 1107, status: 400, retry: 'no', text: 'The query parameter {name} must be {expected}.' },
  colo_unknown: { code: 1108, status: 400, retry: 'no', text: 'No site is named "{colo}". Known: {known}.' },
  destination_not_owned: {
    code: 1109,
    status: 400,
    retry: 'no',
    text: '{destination} is not a bucket of this account: add it with POST /pcaps/ownership and validate it first.',
  },
  destination_not_validated: {
    code: 1110,
    status: 400,
    retry: 'no',
    text: 'The ownership of {destination} is not proved yet: send the content of {filename} to POST /pcaps/ownership/validate.',
  },
  offset_too_old: {
    code: 1111,
    status: 400,
    retry: 'no',
    text: 'offset_time is more than 24 hours ago: samples are kept from {oldest} on.',
  },
  offset_in_future: {
    code: 1112,
    status: 400,
    retry: 'no',
    text: 'offset_time is in the future: samples exist up to now ({now}).',
  },
  offset_unreadable: {
    code: 1113,
    status: 400,
    retry: 'no',
    text: 'offset_time must be an RFC 3339 date and time, such as 2026-01-31T08:00:00Z.',
  },
  not_stoppable: { code: 1114, status: 400, retry: 'no', text: 'A simple capture looks back and cannot be stopped.' },
  scope_empty: {
    code: 1115,
    status: 403,
    retry: 'no',
    text: 'This account has not been granted any sensor or address yet: ask the operator.',
  },
  result_not_ready: {
    code: 1116,
    status: 409,
    retry: 'soon',
    text: 'The capture is {status}: its file is not ready yet.',
  },
  result_running: {
    code: 1117,
    status: 409,
    retry: 'no',
    text: 'The capture is {status}: its file is ready once it has ended.',
  },
  result_none: { code: 1118, status: 404, retry: 'no', text: 'The capture failed and left no file: {reason}' },
  result_expired: {
    code: 1119,
    status: 404,
    retry: 'no',
    text: 'The file of this capture was kept until {until} and is gone.',
  },
  range_unsatisfiable: {
    code: 1120,
    status: 416,
    retry: 'no',
    text: 'The file has {size_bytes} bytes: the range "{range}" is outside it.',
  },
  linktype_excluded: {
    code: 1121,
    status: 400,
    retry: 'no',
    text: 'No interface of {where} can have packets that match this filter: {reason}',
  },
} as const satisfies Record<string, FaultKind>;
