/** What `look` gives, looked up once for all who ask within one turn of the event loop: many parts begin in the same one. Throws as `look` does. */
export function onceATurn<Found>(look: () => Found): () => Found {
  let kept: { readonly found: Found } | undefined;
  return () => {
    if (kept === undefined) {
      kept = { found: look() };
      setImmediate(() => {
        kept = undefined;
      });
    }
    return kept.found;
  };
}
