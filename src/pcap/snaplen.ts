/** The most bytes that are kept of any interface's packets: 0, which is no limit, where one has none, or there is none. */
export function greatestSnaplen(interfaces: readonly { readonly snaplen: number }[]): number {
  const snaplens = interfaces.map(({ snaplen }) => snaplen);
  return snaplens.includes(0) ? 0 : Math.max(0, ...snaplens);
}
