// What the browser's network errors mean, in words for whoever runs the frontend.

/** Said of an origin that may be reached. */
const words: Readonly<Record<string, string>> = {
  // All that the proxy in between can say: whatever kept it from connecting.
  'net::ERR_SOCKS_CONNECTION_FAILED': 'refused the connection, or is not there',
  'net::ERR_CONNECTION_REFUSED': 'refused the connection',
  'net::ERR_CONNECTION_CLOSED': 'closed the connection',
  'net::ERR_CONNECTION_RESET': 'closed the connection',
  'net::ERR_EMPTY_RESPONSE': 'closed the connection without an answer',
  'net::ERR_CONNECTION_TIMED_OUT': 'did not answer in time',
  'net::ERR_CERT_AUTHORITY_INVALID':
    'has a certificate of an unknown authority, for which there is BROWSER_CA_FILE (ERR_CERT_AUTHORITY_INVALID)',
};

/** `errorText` of the browser's, about a request of `url`, as a person reads it. */
export function explainNetworkError(errorText: string, url: string, mayReach: boolean): string {
  if (!/^https?:/.test(url)) return errorText;
  const { origin } = new URL(url);
  const isRefusedByProxy = errorText === 'net::ERR_SOCKS_CONNECTION_FAILED' && !mayReach;
  if (isRefusedByProxy) return `RENDER_ALLOWED_ORIGINS does not name ${origin}`;
  const said = words[errorText];
  return said === undefined ? errorText : `${origin} ${said}`;
}
