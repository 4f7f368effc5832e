import koffi from 'koffi';

/**
 * Makes zeroed memory whose address never changes, for structures that C keeps a pointer to. (A small typed array made
 * without an ArrayBuffer lives on the JavaScript heap, where the garbage collector moves it.)
 */
export function nativeBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

/** The address of the first byte. Good for as long as the caller keeps a reference to the bytes' buffer. */
export function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return koffi.address(bytes);
}

/** Copies `length` bytes out of memory that C owns. */
export function copyNative(address: bigint, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(koffi.view(address, length).slice(0));
}

/** Reads a text that ends with a zero byte, such as libpcap's error buffers. */
export function nativeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
}

/** `errno` as the last native call of this thread left it. */
export function lastErrno(): number {
  return koffi.errno();
}
