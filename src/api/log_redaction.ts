/** What pino writes in place of a secret. */
const censor = '[redacted]';

const secretParameters =
  /\b((?:secret-access-key|access-key-id|x-amz-signature|x-amz-credential|x-amz-security-token|signature|token|password)=)[^&\s"'<>]+/gi;
const bearer = /\b(bearer\s+)[^\s"',]+/gi;
/** `https://user:password@host`. */
const userInfo = /(\/\/[^/\s:@]*:)[^\s@]+@/g;

/** The text without the secrets that a URL or a header in it may carry. */
export function redactSecrets(text: string): string {
  return text.replace(secretParameters, `$1${censor}`).replace(bearer, `$1${censor}`).replace(userInfo, `$1${censor}@`);
}

/** A client may have a say in what an error tells. */
const message_max_chars = 1000;
const stack_max_chars = 4000;

interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: LoggedError;
}

/**
 * An error for the log: its kind, text, stack and causes, without secrets. Other properties stay out: the SDKs hang whole
 * requests with their signatures on errors.
 */
export function loggedError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: redactSecrets(String(error)) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    type: error.name,
    message: redactSecrets(error.message.slice(0, message_max_chars)),
    ...(error.stack === undefined ? {} : { stack: redactSecrets(error.stack.slice(0, stack_max_chars)) }),
    ...(code === undefined ? {} : { code }),
    ...(error.cause === undefined || depth === 5 ? {} : { cause: loggedError(error.cause, depth + 1) }),
  };
}

/** The path of a URL: what follows the question mark may hold a secret. */
export function withoutQuery(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

function requestLine(request: unknown): object {
  if (typeof request !== 'object' || request === null || !('method' in request) || !('url' in request)) return {};
  return { method: request.method, url: withoutQuery(String(request.url)) };
}

/**
 * Options of every pino logger of edgetap: no secret is written, whoever logs what. Of requests and
 * responses only method, path and status are.
 */
export const logRedaction: {
  readonly redact: { readonly paths: string[]; readonly censor: string };
  readonly serializers: Readonly<Record<string, (value: unknown) => unknown>>;
} = {
  redact: {
    paths: ['headers', '*.headers', 'authorization', '*.authorization', 'auth_key', '*.auth_key'].concat(
      ['token', '*.token', 'secret_access_key', '*.secret_access_key', 'access_key_id', '*.access_key_id'],
      ['ownership_challenge', '*.ownership_challenge', '["x-auth-key"]', '*["x-auth-key"]'],
    ),
    censor,
  },
  serializers: {
    err: (value) => loggedError(value),
    error: (value) => loggedError(value),
    destination_conf: (value) => (typeof value === 'string' ? redactSecrets(value) : value),
    url: (value) => (typeof value === 'string' ? withoutQuery(value) : value),
    req: (value) => requestLine(value),
    res: (value) => {
      const status =
        typeof value === 'object' && value !== null && 'statusCode' in value ? value.statusCode : undefined;
      return { status };
    },
  },
};
