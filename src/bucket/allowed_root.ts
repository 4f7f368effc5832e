/** A directory below one that the operator allows. */
export interface AllowedDirectory {
  readonly root: string;
  /** The names from the root down; none for the root itself. */
  readonly segments: readonly string[];
}

/**
 * Finds the allowed root that a `file://` directory lies in, by name; undefined when it lies in none. Both sides are
 * absolute and normalised. Links below the root are `openBeneath`'s to refuse.
 */
export function allowedRoot(directory: string, roots: readonly string[]): AllowedDirectory | undefined {
  const wanted = names(directory);
  for (const root of roots) {
    const above = names(root);
    if (above.every((name, index) => name === wanted[index])) return { root, segments: wanted.slice(above.length) };
  }
  return undefined;
}

function names(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}
