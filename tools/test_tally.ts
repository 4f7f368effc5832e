/** The part of vitest's JSON report that is read here. */
interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** What a test run came to. */
export interface TestTally {
  readonly passed: number;
  /** Failed tests; a file that failed outside of any test counts as one. */
  readonly failed: readonly string[];
  /** Tests that did not run, marked `todo` or skipped. */
  readonly skipped: readonly string[];
}

/** Counts a run from vitest's JSON report. Throws when it is not one. */
export function tallyTests(json: string): TestTally {
  const { testResults } = JSON.parse(json) as VitestReport;
  let passed = 0;
  const failed: string[] = [];
  const skipped: string[] = [];
  for (const file of testResults) {
    const failedBefore = failed.length;
    for (const { fullName, status } of file.assertionResults) {
      const name = `${file.name}: ${fullName.trim()}`;
      if (status === 'passed') passed += 1;
      else if (status === 'failed') failed.push(name);
      else skipped.push(name);
    }
    if (file.status !== 'passed' && failed.length === failedBefore) failed.push(file.name);
  }
  return { passed, failed, skipped };
}

/** Is the run good? In CI a skipped test is a failure, and a run without a test never is good. */
export function isGoodRun(tally: TestTally, inCi: boolean): boolean {
  return tally.passed > 0 && tally.failed.length === 0 && (!inCi || tally.skipped.length === 0);
}
