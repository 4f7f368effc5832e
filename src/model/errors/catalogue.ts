import { apiFaults } from './api_faults.ts';
import { bucketFaults } from './bucket_faults.ts';
import { captureFaults } from './capture_faults.ts';
import { confinementFaults } from './confinement_faults.ts';
import { filterFaults } from './filter_faults.ts';
import { foundFaults } from './found_faults.ts';
import { noticeFaults } from './notice_faults.ts';
import { operatorFaults } from './operator_faults.ts';
import { pcapFaults } from './pcap_faults.ts';
import { quotaFaults } from './quota_faults.ts';
import { requestFaults } from './request_faults.ts';
import { samplesFaults } from './samples_faults.ts';
import { sensorFaults } from './sensor_faults.ts';
import { shareFaults } from './share_faults.ts';
import { stateFaults } from './state_faults.ts';
import { storageFaults } from './storage_faults.ts';
import { uploadFaults } from './upload_faults.ts';

import type { FaultKind } from './kind.ts';

type Catalogue = typeof apiFaults &
  typeof requestFaults &
  typeof bucketFaults &
  typeof filterFaults &
  typeof pcapFaults &
  typeof captureFaults &
  typeof samplesFaults &
  typeof storageFaults &
  typeof foundFaults &
  typeof confinementFaults &
  typeof uploadFaults &
  typeof stateFaults &
  typeof operatorFaults &
  typeof sensorFaults &
  typeof shareFaults &
  typeof noticeFaults &
  typeof quotaFaults;

/** Every error that edgetap knows, by name. One file per area; each area has its codes. */
export const catalogue: Catalogue = {
  ...apiFaults,
  ...requestFaults,
  ...bucketFaults,
  ...filterFaults,
  ...pcapFaults,
  ...captureFaults,
  ...samplesFaults,
  ...storageFaults,
  ...foundFaults,
  ...confinementFaults,
  ...uploadFaults,
  ...stateFaults,
  ...operatorFaults,
  ...sensorFaults,
  ...shareFaults,
  ...noticeFaults,
  ...quotaFaults,
} satisfies Readonly<Record<string, FaultKind>>;

/** The name of an error of the catalogue. */
export type FaultName = keyof Catalogue;
