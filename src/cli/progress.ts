import { isFinal } from '../model/status.ts';
import type { CaptureResponse } from '../wire/http/capture_response.ts';
import { captureSum } from './capture_sum.ts';
import type { CliIo } from './cli_io.ts';
import { bytesText, countText, durationText } from './human.ts';

/** Shows how far something is: one line that changes on a terminal, now and then a line elsewhere. */
export interface Progress {
  capture(capture: CaptureResponse): void;
  /** Any other text in the place of the line. */
  line(text: string): void;
  /** Takes the line away, so that other text can follow. */
  clear(): void;
}

/** How often a line is written where lines stay. */
const plain_every_ms = 10_000;

/** Makes a progress on standard error. */
export function createProgress({ stderr, monotonic }: Pick<CliIo, 'stderr' | 'monotonic'>): Progress {
  const terminal = stderr.isTTY === true;
  let shown = false;
  let written: { readonly status: string; readonly reason: string; readonly at: number } | undefined;
  let last: { readonly packets: number; readonly at: number; readonly rate?: number } | undefined;
  let running_since: number | undefined;

  const line = (text: string): void => {
    const fitting = text.slice(0, Math.max(20, (stderr.columns ?? 80) - 1));
    stderr.write(`\r\u001b[K${fitting}`);
    shown = true;
  };

  const figures = (capture: CaptureResponse, at: number): string => {
    const { packets, bytes, dropped } = captureSum(capture);
    if (capture.status === 'running') running_since ??= at;
    if (packets !== undefined && (last === undefined || at - last.at >= 900)) {
      const rate = last === undefined ? undefined : ((packets - last.packets) * 1000) / (at - last.at);
      last = { packets, at, ...(rate === undefined || rate < 0 ? {} : { rate }) };
    }
    const running = capture.type === 'full' && capture.status === 'running' && running_since !== undefined;
    const left_s = running ? capture.time_limit - (at - (running_since ?? at)) / 1000 : undefined;
    return [
      [capture.status],
      packets === undefined ? [] : [`${countText(packets)} packets`],
      bytes === undefined ? [] : [bytesText(bytes)],
      running && last?.rate !== undefined ? [`${countText(Math.round(last.rate))}/s`] : [],
      left_s === undefined ? [] : [`${durationText(left_s)} left`],
      dropped === undefined ? [] : [`${countText(dropped)} dropped`],
      reasonsOf(capture).map((reason) => `waiting: ${reason}`),
    ]
      .flat()
      .join('  ');
  };

  return {
    capture(capture) {
      const at = monotonic();
      const text = figures(capture, at);
      if (terminal) {
        line(text);
        return;
      }
      const reason = reasonsOf(capture).join();
      const changed = written?.status !== capture.status || written.reason !== reason;
      const due = written === undefined || changed || at - written.at >= plain_every_ms;
      if (!due || isFinal(capture.status)) return;
      written = { status: capture.status, reason, at };
      stderr.write(`edgetap: ${text}\n`);
    },
    line(text) {
      if (terminal) line(text);
    },
    clear() {
      if (shown) stderr.write('\r\u001b[K');
      shown = false;
    },
  };
}

/** Nothing more is awaited of these. */
const over: ReadonlySet<string> = new Set(['failed', 'excluded', 'no_answer']);

/** What holds up a capture that has not ended: the first thing, for there is one line. */
function reasonsOf({ status, type, sensors = [], ...capture }: CaptureResponse): readonly string[] {
  if (isFinal(status) || type !== 'full') return [];
  const told = [capture.error_message, ...sensors.map((one) => (over.has(one.status) ? undefined : one.error))].filter(
    (text) => text !== undefined,
  );
  return told.slice(0, 1);
}
