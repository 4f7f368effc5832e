import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { raise } from '../model/errors/fault.ts';

/** Reads the certificate and its key, and tries them. Throws `setting_invalid`. */
export function readTls(files: { readonly cert_file: string; readonly key_file: string }): {
  readonly cert: string;
  readonly key: string;
} {
  const cert = read('EDGETAP_TLS_CERT', files.cert_file);
  const key = read('EDGETAP_TLS_KEY', files.key_file);
  check('EDGETAP_TLS_CERT', files.cert_file, 'a certificate in PEM', { cert });
  check('EDGETAP_TLS_KEY', files.key_file, 'the private key of the certificate, in PEM', { cert, key });
  return { cert, key };
}

function read(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    return raise('setting_invalid', { setting, value: path, expected: 'a file that can be read' }, { cause });
  }
}

function check(setting: string, value: string, expected: string, pair: { cert: string; key?: string }): void {
  try {
    createSecureContext(pair);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    raise('setting_invalid', { setting, value, expected: `${expected} (${reason})` }, { cause });
  }
}
