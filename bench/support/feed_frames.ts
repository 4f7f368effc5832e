import { openSync, readSync, closeSync, fstatSync } from 'node:fs';
import { openFrameSender } from '../../test/support/replay_frames.ts';
import { pcapHeaderBytes } from '../../src/pcap/pcap_header.ts';
import { recordHeaderBytes } from '../../src/pcap/pcap_record.ts';

// A child process that sends the packets of capture files out of an interface, as many bytes of each as were captured.
// Arguments: interface, its network namespace, the most packets a second, files. Says one JSON line at the end.

const batch_packets = 512;
const [name = '', namespace = '', rate = '', ...files] = process.argv.slice(2);
const sender = openFrameSender({ name, namespace });
const never = new Int32Array(new SharedArrayBuffer(4));
const begun = performance.now();
let sent = 0;
for (const path of files) {
  const file = openSync(path, 'r');
  const bytes = new Uint8Array(fstatSync(file).size);
  for (let at = 0; at < bytes.length; ) at += readSync(file, bytes, at, bytes.length - at, at);
  closeSync(file);
  const view = new DataView(bytes.buffer);
  let frames: Uint8Array[] = [];
  for (let at = pcapHeaderBytes; at < bytes.length; ) {
    const end = at + recordHeaderBytes + view.getUint32(at + 8, true);
    frames.push(bytes.subarray(at + recordHeaderBytes, end));
    at = end;
    if (frames.length < batch_packets && at < bytes.length) continue;
    sent += sender.send(frames);
    frames = [];
    const early_ms = (sent / Number(rate)) * 1000 - (performance.now() - begun);
    if (early_ms > 0.5) Atomics.wait(never, 0, 0, early_ms);
  }
}
sender.close();
console.log(JSON.stringify({ sent, seconds: (performance.now() - begun) / 1000 }));
