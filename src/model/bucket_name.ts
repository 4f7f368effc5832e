/**
 * What is wrong with a bucket's name, or undefined. The rules are each service's own: S3 "Bucket naming rules", Cloud
 * Storage "Bucket names", R2 "Create buckets". Names are ASCII; upper case is refused rather than changed, because it
 * would name another bucket.
 */
export function bucketNameProblem(scheme: 's3' | 'gs' | 'r2', name: string): string | undefined {
  if (name === '') return `${scheme}:// needs a bucket: write ${scheme}://bucket/directory`;
  if (/[^ -~]/.test(name)) return 'a bucket name has only ASCII letters, digits, dots and hyphens';
  if (name !== name.toLowerCase()) return 'a bucket name has only lower-case letters';
  const most = scheme === 'gs' && name.includes('.') ? 222 : 63;
  if (name.length < 3 || name.length > most) return `a bucket name has 3 to ${most} characters`;
  const allowed = { s3: /^[a-z0-9.-]+$/, gs: /^[a-z0-9._-]+$/, r2: /^[a-z0-9-]+$/ }[scheme];
  if (!allowed.test(name)) {
    const some = { s3: ', dots and hyphens', gs: ', dots, hyphens and underscores', r2: ' and hyphens' }[scheme];
    return `a bucket name of ${scheme}:// has only lower-case letters, digits${some}`;
  }
  if (!/^[a-z0-9].*[a-z0-9]$/.test(name)) return 'a bucket name begins and ends with a letter or digit';
  if (/\.\.|\.-|-\./.test(name)) return 'a bucket name has no dot beside another dot or a hyphen';
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) return 'a bucket name is not an address';
  if (name.startsWith('xn--')) return 'a bucket name does not begin with xn--';
  if (scheme === 'gs' && (name.startsWith('goog') || name.includes('google'))) {
    return 'a bucket name of gs:// neither begins with goog nor has google in it';
  }
  return undefined;
}
