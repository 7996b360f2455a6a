// The command line of a browser.

// The list is whole: nothing of a driver's or a package's own list is taken over. Egress: a dead proxy as the default, so that
// only contexts with a proxy of their own reach anything; no bypass for loopback; no UDP around the proxy; no name is looked up
// but by the proxy (WebRTC would ask for the names of its servers and peers, and a name can carry what a page knows).
//
// RenderDocument would give each document of a tab a new frame inside the browser: a kept tab's history could then not be reset.
// Cookies are bound to port and scheme: a token that is put in for one origin reaches no other of its host.
const always = [
  '--headless',
  '--enable-features=EnablePortBoundCookies,EnableSchemeBoundCookies',
  '--proxy-server=http://127.0.0.1:1',
  '--proxy-bypass-list=<-loopback>',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--webrtc-ip-handling-policy=disable_non_proxied_udp',
  '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
  '--disable-quic',
  '--dns-prefetch-disable',
  '--disable-background-networking',
  '--disable-breakpad',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-dev-shm-usage',
  '--disable-domain-reliability',
  '--disable-extensions',
  '--disable-sync',
  '--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,AutofillServerCommunication,RenderDocument',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--font-render-hinting=none',
  '--force-color-profile=srgb',
  '--generate-pdf-document-outline',
  '--hide-scrollbars',
  '--metrics-recording-only',
  '--mute-audio',
  '--no-default-browser-check',
  '--no-first-run',
  '--no-pings',
  '--no-startup-window',
  '--password-store=basic',
  '--use-mock-keychain',
];

interface BrowserArguments {
  /** Folder of the browser's own profile. */
  profile: string;
  hasSandbox: boolean;
}

/** What the browser is started with; the tests take single arguments out of it to see what each is for. */
export function browserArguments({ profile, hasSandbox }: BrowserArguments): string[] {
  return [...always, `--user-data-dir=${profile}`, ...(hasSandbox ? [] : ['--no-sandbox'])];
}
