import { expect, test } from 'vitest';
import { EarlyAnswers } from './early_answers.ts';

/** A question that is answered by hand, and knows whether it was given up. */
function question(): {
  ask: (signal: AbortSignal) => Promise<string>;
  answer: PromiseWithResolvers<string>;
  given_up: () => boolean;
} {
  const answer = Promise.withResolvers<string>();
  let heard: AbortSignal | undefined;
  const ask = (signal: AbortSignal): Promise<string> => {
    heard = signal;
    return answer.promise;
  };
  return { ask, answer, given_up: () => heard?.aborted === true };
}

test('an answer is handed out once; what was not asked, or failed, is to be asked anew', async () => {
  const early = new EarlyAnswers<string>(4);
  const [good, bad] = [question(), question()];
  const giveUp = early.begin('good', good.ask);
  early.begin('bad', bad.ask);
  const taken = early.take('good');
  good.answer.resolve('here');
  bad.answer.reject(new Error('gone'));
  expect([await taken, await early.take('good'), await early.take('bad'), await early.take('other')]).toEqual([
    'here',
    undefined,
    undefined,
    undefined,
  ]);
  giveUp();
  expect(good.given_up()).toBe(false);
});

test('what is given up is told so, and leaves its place to another', async () => {
  const early = new EarlyAnswers<string>(1);
  const [first, second, third] = [question(), question(), question()];
  const giveUp = early.begin('first', first.ask);
  early.begin('second', second.ask)();
  expect(await early.take('second')).toBeUndefined();
  giveUp();
  expect([first.given_up(), second.given_up()]).toEqual([true, false]);
  expect(await early.take('first')).toBeUndefined();
  early.begin('third', third.ask);
  early.close();
  expect([third.given_up(), await early.take('third')]).toEqual([true, undefined]);
});
