const encoder = new TextEncoder();
/** S3 keys have at most 1,024 bytes; the rest is for the object's own name. */
const longest_bytes = 900;
/** The longest name of a file (NAME_MAX), less what a partial file's name adds. */
const longest_segment_bytes = 150;

/**
 * The segments of a URI's path, percent-decoded (a slash that was encoded separates as well); empty ones (leading,
 * trailing and doubled slashes) are dropped. Undefined when the encoding is broken.
 */
export function readDirectory(path: string): string[] | undefined {
  try {
    return decodeURIComponent(path)
      .split('/')
      .filter((segment) => segment !== '');
  } catch {
    return undefined;
  }
}

/** What is wrong with a directory's segments. */
export function directoryProblems(segments: readonly string[]): string[] {
  const problems: string[] = [];
  if (segments.some((segment) => segment === '.' || segment === '..')) problems.push('its path has . or .. in it');
  if (segments.some((segment) => segment.includes('\\'))) problems.push('its path has a backslash');
  if (segments.some((segment) => /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Zl}\p{Zp}]/u.test(segment))) {
    problems.push('its path has control or invisible characters');
  }
  if (segments.some((segment) => encoder.encode(segment).length > longest_segment_bytes)) {
    problems.push(`a directory name in it has more than ${longest_segment_bytes} bytes`);
  }
  if (encoder.encode(segments.join('/')).length > longest_bytes) {
    problems.push(`its path has more than ${longest_bytes} bytes`);
  }
  return problems;
}
