/** Remembers what a pure function gave for its last `size` texts; the values are shared and must not be changed. */
export function memo<T>(size: number, make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const value = make(text);
    if (known.size >= size) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
    known.set(text, value);
    return value;
  };
}
