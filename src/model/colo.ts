/**
 * Does a sensor at `colo` belong to what a request named? `ord02` names one site; `ORD`, letters alone, names all sites
 * whose name is those letters followed by digits, or just those letters. Case does not matter.
 */
export function coloMatches(requested: string, colo: string): boolean {
  const [wanted, site] = [requested.toLowerCase(), colo.toLowerCase()];
  if (wanted === site) return true;
  return /^[a-z]+$/.test(wanted) && site.startsWith(wanted) && /^[0-9]+$/.test(site.slice(wanted.length));
}
