/**
 * Passes bytes on and sees to it that they are exactly as many as were promised in Content-Length: a source that ends
 * early or goes on breaks the answer off, so that no client takes it for whole.
 */
export async function* exactly(source: AsyncIterable<Uint8Array>, length_bytes: number): AsyncGenerator<Uint8Array> {
  let passed = 0;
  for await (const chunk of source) {
    passed += chunk.length;
    if (passed > length_bytes) throw new Error(`the file has more than the ${length_bytes} bytes that were promised`);
    yield chunk;
  }
  if (passed < length_bytes) throw new Error(`the file has ${passed} bytes, not the ${length_bytes} promised`);
}
