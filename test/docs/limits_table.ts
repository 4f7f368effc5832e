import { catalogue } from '../../src/model/errors/catalogue.ts';
import { limitNames, type SharedLimit, sharedLimits } from '../../src/model/shared_limits.ts';

const unrefused = { waits: 'it waits', counted: 'it is counted' } as const;

function answered(answer: SharedLimit['answer']): string {
  if (answer === 'waits' || answer === 'counted') return unrefused[answer];
  const { status, code } = catalogue[answer];
  return `${status}, ${code}`;
}

/** The table of limits in docs/limits.md. */
export function limitsTable(): string {
  const rows = limitNames.map((name) => {
    const { what, of, fallback, unit, setting, answer } = sharedLimits[name];
    const most = ['1', '1/minute', '1/day'].includes(unit) ? String(fallback) : `${fallback} ${unit}`;
    const whose = of === 'all' ? 'all together' : `each ${of}`;
    return `| ${what} | ${whose} | ${most} | \`EDGETAP_${setting}\` | ${answered(answer)} | \`${name}\` |`;
  });
  return ['| what | of | default | setting | answer | metric label |', '|---|---|---|---|---|---|', ...rows].join('\n');
}
