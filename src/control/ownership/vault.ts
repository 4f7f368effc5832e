import type { BucketSecrets } from '../../model/destination.ts';

/** Where bucket credentials are sealed for the database. What is sealed for one ownership opens for no other. */
export interface Vault {
  seal(secrets: BucketSecrets, ownership_id: string): string;
  /** @throws {FaultError} `secret_key_invalid` */
  open(sealed: string, ownership_id: string): BucketSecrets;
  /** Was it sealed with a key that has been rotated out since? */
  isStale(sealed: string): boolean;
}
