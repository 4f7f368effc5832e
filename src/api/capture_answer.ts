import type { Capture } from '../model/capture.ts';
import { captureNotices } from '../wire/http/capture_notices.ts';
import { captureJson } from '../wire/http/capture_json.ts';
import type { CaptureResponse } from '../wire/http/capture_response.ts';
import { type Answer, answer } from './answer.ts';

const answers = new WeakMap<Capture, Answer<CaptureResponse>>();
const texts = new WeakMap<object, string>();

/** The envelope of a capture. Control gives the same object for as long as nothing has changed, and so does this. */
export function captureAnswer(capture: Capture): Answer<CaptureResponse> {
  const known = answers.get(capture);
  if (known !== undefined) return known;
  const made = answer(captureJson(capture), captureNotices(capture));
  answers.set(capture, made);
  return made;
}

/** An answer as text; what `captureAnswer` gave again is not written anew. */
export function captureAnswerText(value: object): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  texts.set(value, text);
  return text;
}
