import { fileURLToPath } from 'node:url';

/** edgetap as its users start it. */
export const edgetapProgram: string = fileURLToPath(new URL('../../bin/edgetap', import.meta.url));
