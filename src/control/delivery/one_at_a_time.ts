/** Runs a step of each key once at a time: who asks while it runs gets the same outcome. */
export function oneAtATime<T>(): (key: string, run: () => Promise<T>) => Promise<T> {
  const underWay = new Map<string, Promise<T>>();
  return async (key, run) => {
    const running = underWay.get(key) ?? run().finally(() => underWay.delete(key));
    underWay.set(key, running);
    return await running;
  };
}
