import { op, WasmCode } from './wasm_code.ts';
import type { WasmFunction } from './wasm_module.ts';

const record_header_bytes = 16;
const captured_at = 8;
const original_at = 12;

/** Its parameters: the first byte of the records, and the one behind their last. */
const [start, end] = [0, 1];
/** Its locals: the record looked at, its captured length, where the next begins; where those that were kept end, and the run of hits begins. */
const [at, captured, next, kept, run] = [2, 3, 4, 5, 6];

/**
 * The function `filter` over pcap records with little-endian headers: calls the function number `matches` (of `matchesFunction`) for each and
 * moves those that match together at `start`, runs of them at once. Returns where they end; where the record at some offset is not
 * whole, -1 - offset. Nothing outside of [start, end) is read or written: offsets and lengths are below 2^31, so that no sum of two overflows.
 */
export function filterFunction(matches: number): WasmFunction {
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
  return { name: 'filter', parameters: 2, locals: 5, code: code.bytes };
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
