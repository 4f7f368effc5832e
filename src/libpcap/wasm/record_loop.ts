import { op, WasmCode } from './wasm_code.ts';

const record_header_bytes = 16;
const captured_at = 8;
const original_at = 12;

/** Locals of the loop. */
const [start, end, at, captured, kept, run, next] = [0, 1, 2, 3, 4, 5, 6];

/** Locals that the loop has beside its parameters. */
export const loop_locals = 5;

/**
 * The code of a function (start, end) over pcap records with little-endian headers: calls `matches` (bytes, captured, original) for each and moves
 * those that match together at `start`, runs of them at once. Returns where they end; where the record at some offset is not whole,
 * -1 - offset, and nothing outside of start to end is read or written.
 */
export function recordLoop(matches: number): number[] {
  const code = new WasmCode();
  code.get(start).tee(at).tee(kept).set(run);
  code.block().loop();
  code.get(at).get(end).emit(op.i32_eq).brIf(1);
  const room = (): WasmCode => code.get(end).get(at).emit(op.i32_sub);
  room().constant(record_header_bytes).emit(op.i32_lt_u);
  returnTorn(code);
  code.get(at).load(op.i32_load, captured_at).tee(captured);
  room().constant(record_header_bytes).emit(op.i32_sub, op.i32_gt_u);
  returnTorn(code);
  code.get(at).constant(record_header_bytes).emit(op.i32_add).get(captured).emit(op.i32_add).set(next);
  code.get(at).constant(record_header_bytes).emit(op.i32_add).get(captured).get(at).load(op.i32_load, original_at);
  code.call(matches).emit(op.i32_eqz).if();
  moveRun(code);
  code.get(next).set(run).end();
  code.get(next).set(at);
  code.br(0).end().end();
  moveRun(code);
  code.get(kept);
  return code.bytes;
}

function returnTorn(code: WasmCode): void {
  code.if().constant(-1).get(at).emit(op.i32_sub, op.return).end();
}

/** Moves what lies from `run` to `at` behind what is kept. */
function moveRun(code: WasmCode): void {
  code.get(run).get(at).emit(op.i32_ne).if();
  code.get(run).get(kept).emit(op.i32_ne).if();
  code.get(kept).get(run).get(at).get(run).emit(op.i32_sub).copy().end();
  code.get(kept).get(at).get(run).emit(op.i32_sub, op.i32_add).set(kept).end();
}
