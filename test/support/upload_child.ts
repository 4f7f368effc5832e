import { setTimeout as delay } from 'node:timers/promises';

import { anywhere } from '../../src/model/endpoint_policy.ts';
import type { Piece, SignedPiece } from '../../src/model/piece.ts';
import { guardedAgents } from '../../src/net/guarded_agent.ts';
import { sealedFile } from '../../src/upload/growing_file.ts';
import { uploadFile } from '../../src/upload/upload_file.ts';

// An uploader in a process of its own, to be killed: the parent signs (IPC, advanced serialization) and hears of the end.
const [path = '', size_bytes = '', piece_bytes = '', journal_path = ''] = process.argv.slice(2);
const waiting = new Map<number, (signed: SignedPiece) => void>();
process.on('message', (message: { readonly number: number; readonly signed: SignedPiece }) => {
  waiting.get(message.number)?.(message.signed);
});
const agents = guardedAgents({ policy: anywhere });
const uploaded = await uploadFile({
  file: sealedFile(path, Number(size_bytes)),
  piece_bytes: Number(piece_bytes),
  journal_path,
  sign: (piece: Piece) =>
    new Promise((resolve) => {
      waiting.set(piece.number, resolve);
      process.send?.({ piece });
    }),
  agentsFor: () => agents,
  now: () => BigInt(Date.now()) * 1_000_000n,
  sleep: async (ms) => {
    await delay(Math.min(ms, 100));
  },
  random: Math.random,
  deliver_before: BigInt(Date.now() + 60_000) * 1_000_000n,
  warn: () => undefined,
  signal: new AbortController().signal,
});
process.send?.({ uploaded }, () => process.exit(0));
