import { afterAll, beforeAll } from 'vitest';
import { auditContract } from './contract/audit_rows.ts';
import { bucketsContract } from './contract/buckets.ts';
import { type ContractWorld, startContractWorld } from './contract/contract_world.ts';
import { credentialsContract } from './contract/credentials.ts';
import { estimatesContract } from './contract/estimates.ts';
import { fullCapturesContract } from './contract/full_captures.ts';
import { listsContract } from './contract/lists.ts';
import { operationsContract } from './contract/operations.ts';
import { otherAccountsContract } from './contract/other_accounts.ts';
import { repeatsContract } from './contract/repeats.ts';
import { requestsContract } from './contract/requests.ts';
import { scopesContract } from './contract/scopes.ts';
import { simpleCapturesContract } from './contract/simple_captures.ts';

let started: ContractWorld | undefined;
const world = (): ContractWorld => {
  if (started === undefined) throw new Error('it has not begun');
  return started;
};

beforeAll(async () => {
  started = await startContractWorld();
});
afterAll(async () => await started?.remove());

// One edgetap for all of them; each group has credentials of its own.
credentialsContract(world);
otherAccountsContract(world);
requestsContract(world);
fullCapturesContract(world);
simpleCapturesContract(world);
estimatesContract(world);
listsContract(world);
repeatsContract(world);
bucketsContract(world);
scopesContract(world);
auditContract(world);
operationsContract(world);
