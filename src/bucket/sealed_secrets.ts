import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { BucketSecrets } from '../model/destination.ts';
import { raise } from '../model/errors/fault.ts';
import type { SealingKeys } from './key_file.ts';

const cipher = 'aes-256-gcm';
const nonce_bytes = 12;
const tag_bytes = 16;

/**
 * Seals a bucket's secrets with the newest key: AES-256-GCM, bound to the ownership's id, so that a sealed text moved to another
 * row does not open. The form is `1.<key id>.<base64url of nonce, ciphertext and tag>`.
 */
export function sealSecrets(
  secrets: BucketSecrets,
  ownership_id: string,
  keys: SealingKeys,
  random_bytes: (count: number) => Uint8Array,
): string {
  const [key] = keys;
  const nonce = random_bytes(nonce_bytes);
  const sealing = createCipheriv(cipher, key.bytes, nonce, { authTagLength: tag_bytes }).setAAD(boundTo(ownership_id));
  const text = JSON.stringify([secrets.access_key_id, secrets.secret_access_key]);
  const sealed = Buffer.concat([nonce, sealing.update(text, 'utf8'), sealing.final(), sealing.getAuthTag()]);
  return `1.${key.id}.${sealed.toString('base64url')}`;
}

/**
 * Opens what `sealSecrets` sealed for the same ownership.
 * @param path the key file's, for the fault
 * @throws {FaultError} `secret_key_invalid` when no key fits, or the text is not what was sealed
 */
export function openSecrets(sealed: string, ownership_id: string, keys: SealingKeys, path: string): BucketSecrets {
  const [version, key_id, body = ''] = sealed.split('.');
  const key = keys.find((one) => one.id === key_id);
  const bytes = Buffer.from(body, 'base64url');
  if (version !== '1' || key === undefined || bytes.length < nonce_bytes + tag_bytes) {
    return raise('secret_key_invalid', { path });
  }
  const opening = createDecipheriv(cipher, key.bytes, bytes.subarray(0, nonce_bytes), { authTagLength: tag_bytes })
    .setAAD(boundTo(ownership_id))
    .setAuthTag(bytes.subarray(-tag_bytes));
  try {
    const text = opening.update(bytes.subarray(nonce_bytes, -tag_bytes), undefined, 'utf8') + opening.final('utf8');
    const [access_key_id, secret_access_key] = JSON.parse(text) as [string, string];
    return { access_key_id, secret_access_key };
  } catch {
    return raise('secret_key_invalid', { path });
  }
}

/** Is it sealed with an older key than the newest, and so to be sealed again after a rotation? */
export function isSealedWithOldKey(sealed: string, keys: SealingKeys): boolean {
  return sealed.split('.')[1] !== keys[0].id;
}

function boundTo(ownership_id: string): Buffer {
  return Buffer.from(`edgetap bucket secrets 1\n${ownership_id}`);
}
