import type { InterfaceCoverage } from '../../wire/control_messages.ts';

/** 1 in so many packets was kept: the greatest over the window. 1 where no rate is known. */
export function greatestRate(coverage: InterfaceCoverage): number {
  return Math.max(1, ...coverage.rates.map((span) => span.rate));
}
