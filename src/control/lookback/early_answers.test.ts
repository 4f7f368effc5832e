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

const nobody = new AbortController().signal;

test('an answer is handed out once; what was not asked, or failed, is to be asked anew', async () => {
  const early = new EarlyAnswers<string>(4);
  const [good, bad] = [question(), question()];
  const giveUp = early.begin('good', 'a', good.ask);
  early.begin('bad', 'a', bad.ask);
  const taken = early.take('good', nobody);
  good.answer.resolve('here');
  bad.answer.reject(new Error('gone'));
  expect([
    await taken,
    await early.take('good', nobody),
    await early.take('bad', nobody),
    await early.take('other', nobody),
  ]).toEqual(['here', undefined, undefined, undefined]);
  giveUp();
  expect(good.given_up()).toBe(false);
});

test('what is given up is told so, and leaves its place to another', async () => {
  const early = new EarlyAnswers<string>(1);
  const [first, second, third] = [question(), question(), question()];
  const giveUp = early.begin('first', 'a', first.ask);
  early.begin('second', 'a', second.ask)();
  expect(await early.take('second', nobody)).toBeUndefined();
  // Another owner's is none of its business.
  const others = question();
  early.begin('others', 'b', others.ask)();
  expect(others.given_up()).toBe(true);
  giveUp();
  expect([first.given_up(), second.given_up()]).toEqual([true, false]);
  expect(await early.take('first', nobody)).toBeUndefined();
  early.begin('third', 'a', third.ask);
  early.close();
  expect([third.given_up(), await early.take('third', nobody)]).toEqual([true, undefined]);
});

test('who waits for one can give it up, as the end of the process does', async () => {
  const early = new EarlyAnswers<string>(2);
  const [first, second] = [question(), question()];
  early.begin('first', 'a', first.ask);
  early.begin('second', 'a', second.ask);
  const ending = new AbortController();
  const taken = early.take('first', ending.signal);
  ending.abort();
  const late = early.take('second', ending.signal);
  expect([first.given_up(), second.given_up()]).toEqual([true, true]);
  first.answer.reject(new Error('given up'));
  second.answer.resolve('all the same');
  expect([await taken, await late]).toEqual([undefined, 'all the same']);
});
