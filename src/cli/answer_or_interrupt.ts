import type { CommandContext } from './command_context.ts';

/** After a signal the answer is still waited for so long: it says what there is to be stopped. */
const patience_ms = 5000;

/**
 * Waits for an answer of the server. A signal that comes meanwhile (Ctrl-C, SIGTERM) is kept for after it; where no answer comes, `answer`
 * is undefined.
 */
export async function answerOrInterrupt<Answer>(
  asking: Promise<Answer>,
  { io }: Pick<CommandContext, 'io'>,
): Promise<{ readonly answer: Answer | undefined; readonly interrupted: boolean }> {
  const told = Promise.withResolvers<void>();
  let interrupted = false;
  const unsubscribe = io.onInterrupt(() => {
    interrupted = true;
    told.resolve();
  });
  try {
    const late = told.promise.then(async () => await io.sleep(patience_ms)).then(() => undefined);
    const answer = await Promise.race([asking, late]);
    return { answer, interrupted };
  } finally {
    unsubscribe();
  }
}
