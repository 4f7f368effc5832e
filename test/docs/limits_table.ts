import { catalogue } from '../../src/model/errors/catalogue.ts';
import { limitNames, sharedLimits } from '../../src/model/shared_limits.ts';

/** The table of limits in docs/limits.md. */
export function limitsTable(): string {
  const rows = limitNames.map((name) => {
    const { what, of, fallback, unit, setting, answer } = sharedLimits[name];
    const answered = answer === 'waits' ? 'it waits' : `${catalogue[answer].status}, ${catalogue[answer].code}`;
    const most = unit === '1' || unit === '1/minute' ? String(fallback) : `${fallback} ${unit}`;
    const whose = of === 'all' ? 'all together' : `each ${of}`;
    return `| ${what} | ${whose} | ${most} | \`EDGETAP_${setting}\` | ${answered} | \`${name}\` |`;
  });
  return ['| what | of | default | setting | answer | metric label |', '|---|---|---|---|---|---|', ...rows].join('\n');
}
