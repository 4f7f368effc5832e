import { constants } from 'node:os';
import koffi from 'koffi';
import { raise } from '../model/errors/fault.ts';

/** The kernel's promise that this process ends, whatever its event loop or its threads hang in. */
export interface ProcessEnd {
  /** Was it told to end, by SIGTERM or by the death of its parent? Stays true. */
  isTold(): boolean;
  /** The kernel ends it after so many seconds, or sooner where it has said so before. Whole seconds, at least 1. */
  endWithin(seconds: number): void;
}

// linux/prctl.h, sys/time.h
const pr_set_pdeathsig = 1;
const itimer_real = 0;
/** `struct itimerval`: four words, the last two are what is left, in seconds and microseconds. */
const itimer_words = 4;

const { SIGTERM: sigterm, SIGUSR2: sigusr2 } = constants.signals;

/**
 * Sees to it that this process does not outlive its orders. SIGTERM, and the death of the process that started it, set a timer of the
 * kernel, which ends this process when it runs out: no code of ours has to run for that. The handler of both signals is alarm(2)
 * itself, which may be called in one and takes the signal's number for the seconds: 15 after SIGTERM, 12 after the parent's death
 * (SIGUSR2). So `process.on` must not be used for either; `isTold` is to be asked instead.
 *
 * @param parent_pid the process that started this one; where it is gone already, that counts as its death
 * @throws FaultError `native_call_failed` where the C library has no such calls, or refuses
 */
export function guardProcessEnd(parent_pid: number): ProcessEnd {
  const { alarm, getitimer, handleByAlarm, prctl } = declare();
  for (const number of [sigterm, sigusr2]) handleByAlarm(number);
  const refused = prctl(pr_set_pdeathsig, sigusr2, 0, 0, 0) !== 0;
  if (refused) raise('native_call_failed', { call: 'prctl', reason: 'PR_SET_PDEATHSIG' });
  if (process.ppid !== parent_pid) alarm(sigusr2);
  const left_s = (): number => {
    const value = new BigInt64Array(itimer_words);
    getitimer(itimer_real, value);
    return Number(value[2] ?? 0n) + Number(value[3] ?? 0n) / 1e6;
  };
  return {
    isTold: () => left_s() > 0,
    endWithin: (seconds) => {
      const left = left_s();
      if (left === 0 || left > seconds) alarm(seconds);
    },
  };
}

interface Calls {
  readonly alarm: (seconds: number) => number;
  readonly getitimer: (which: number, value: BigInt64Array) => number;
  readonly prctl: (option: number, a: number, b: number, c: number, d: number) => number;
  readonly handleByAlarm: (signal: number) => void;
}

function declare(): Calls {
  try {
    const libc = koffi.load(null);
    const dlsym: (scope: null, name: string) => unknown = libc.func('void *dlsym(void *scope, const char *name)');
    const signal: (number: number, handler: unknown) => unknown = libc.func('void *signal(int number, void *handler)');
    const handler = dlsym(null, 'alarm');
    if (handler === null) throw new Error('alarm is not in it');
    return {
      alarm: libc.func('unsigned int alarm(unsigned int seconds)'),
      getitimer: libc.func('int getitimer(int which, void *value)'),
      prctl: libc.func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)'),
      handleByAlarm: (number) => void signal(number, handler),
    };
  } catch (cause) {
    return raise('native_call_failed', { call: 'alarm', reason: String(cause) }, { cause });
  }
}
