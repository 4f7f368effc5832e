/** What every answer has, whoever makes it; `secured` is whether it goes over TLS. */
export function commonHeaders(request_id: string, secured: boolean): Readonly<Record<string, string>> {
  return {
    'x-request-id': request_id,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    ...(secured ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}
