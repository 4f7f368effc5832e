/** What the server says to those who write requests, and what to do at the command line instead. */
const instead: readonly (readonly [said: string | RegExp, words: string])[] = [
  [
    'add it with POST /pcaps/ownership and validate it first',
    'add it with "edgetap bucket add" and prove it with "edgetap bucket validate" first',
  ],
  [
    /send the content of (.+) to POST \/pcaps\/ownership\/validate/,
    'give the content of $1 to "edgetap bucket validate"',
  ],
  [
    'GET /client/v4/accounts lists those that they reach',
    "leave --account and EDGETAP_ACCOUNT_ID out to use the token's own",
  ],
  [
    'send "Authorization: Bearer TOKEN", or X-Auth-Email and X-Auth-Key',
    'set EDGETAP_TOKEN to a token that is good ("edgetap token create" on the server makes one)',
  ],
  ['see /openapi.json for all that there is', 'is this the URL of an edgetap of the same version?'],
];

/** A message of the server in the words of the command line. */
export function cliWords(message: string): string {
  return instead.reduce((text, [said, words]) => text.replace(said, words), message);
}
