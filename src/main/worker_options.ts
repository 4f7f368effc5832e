/**
 * Options of Node for a process that starts worker threads. Every thread strips the types of the files that it loads, by a module of
 * WebAssembly that calls into JavaScript; after a thousand such calls V8 compiles that call anew, and where several threads do
 * so, or end, at once, it can abort the process (see docs/decisions/wasm-wrapper-tiering.md). So it never does.
 */
export const worker_options: readonly string[] = ['--wasm-wrapper-tiering-budget=2147483647'];
