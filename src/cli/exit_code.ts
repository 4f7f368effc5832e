/** How `edgetap` ends: part of its interface, for scripts. */
export const exitCode = {
  /** Done. A capture that was waited for ended as success. */
  ok: 0,
  /** The capture failed, or something on this side did: a file that cannot be written. */
  failed: 1,
  /** The command line, the environment or the configuration file is wrong. */
  usage: 2,
  /** The server refused the request. */
  refused: 3,
  /** The server does not answer, or is not an edgetap. */
  unreachable: 4,
  /** The capture ended as complete: a part is missing, the rest is there. Likewise an estimate. */
  partial: 5,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

/** How `edgetap` ends. */
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** The last lines of every help text. */
export const exitCodesHelp = `
Exit codes:
  0    done; a capture that was waited for ended as success
  1    the capture failed, or a file could not be written
  2    wrong usage or configuration
  3    the server refused the request
  4    the server does not answer
  5    the capture is complete but partial: "edgetap show ID" says what is missing
  130  interrupted`;
