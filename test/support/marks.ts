// Places in which a page may leave a mark for the next one, as code that runs in pages: how to leave it, and how to look for it.

/** Whether the same principal's next page may find it: copies of static assets and the passwords that it used itself, but no data. */
type Kept = 'never' | 'maybe';

export interface Place {
  /** JavaScript with `mark`; may be asynchronous. What only its look leaves has none. */
  leave?: string;
  /** JavaScript that gives what it finds: a text or a list; nothing when there is nothing. */
  look: string;
  own: Kept;
}

const clean = (look: string, leave?: string): Place => ({
  look,
  own: 'never',
  ...(leave === undefined ? {} : { leave }),
});
const asset = (look: string): Place => ({ look, own: 'maybe' });

const cookies: Record<string, Place> = {
  cookie: clean('document.cookie', "document.cookie = 'left=' + mark + '; path=/; max-age=999'"),
  'cookie of the session': clean('document.cookie', "document.cookie = 'session=' + mark"),
  'cookie of the cookie store': clean(
    '(await cookieStore.getAll()).map(({ name, value }) => name + value)',
    "cookieStore.set('stored', mark)",
  ),
  'cookie for the server only': clean(
    "text('/cookies')",
    "fetch('/set-cookie?name=hidden&more=HttpOnly&mark=' + mark)",
  ),
  'cookie of one path': clean(
    "text('/deep/cookies')",
    "fetch('/set-cookie?name=deep&more=' + encodeURIComponent('Path=/deep') + '&mark=' + mark)",
  ),
  'cookie of a partition': clean(
    "text('/cookies')",
    "fetch('/set-cookie?name=parted&more=' + encodeURIComponent('Secure; Path=/; SameSite=None; Partitioned') + '&mark=' + mark)",
  ),
};

const storages: Record<string, Place> = {
  localStorage: clean(
    "Object.entries(localStorage).filter(([name]) => name !== 'token').flat()",
    "localStorage.setItem('left', mark)",
  ),
  sessionStorage: clean('Object.entries(sessionStorage).flat()', "sessionStorage.setItem('left', mark)"),
  IndexedDB: clean(
    '(await indexedDB.databases()).map(({ name }) => name)',
    'new Promise((done) => { indexedDB.open(mark).onsuccess = done; })',
  ),
  'Cache API': clean('caches.keys()', "caches.open(mark).then((cache) => cache.put('/x', new Response(mark)))"),
  'private file system': clean(
    'names((await navigator.storage.getDirectory()).keys())',
    'navigator.storage.getDirectory().then((folder) => folder.getFileHandle(mark, { create: true }))',
  ),
  'storage bucket': clean(
    "navigator.storageBuckets.keys().then((all) => all.map((name) => name.replaceAll('-', '.').replace('p', 'P')))",
    "navigator.storageBuckets.open(mark.replaceAll('.', '-').toLowerCase())",
  ),
};

const running: Record<string, Place> = {
  'service worker': clean(
    '(await navigator.serviceWorker.getRegistrations()).map(({ active, installing }) => (active ?? installing)?.scriptURL)',
    "navigator.serviceWorker.register('/worker.js?' + mark).then(() => navigator.serviceWorker.ready)",
  ),
  'answer of a service worker': clean("text('/from-worker')"),
  'shared worker': clean(
    'ask((tell) => { const { port } = new SharedWorker("/shared.js", "room"); port.onmessage = ({ data }) => tell(data); port.postMessage(""); })',
    'new SharedWorker("/shared.js", "room").port.postMessage(mark)',
  ),
  'broadcast by a page': clean(
    "ask((tell) => { const room = new BroadcastChannel('page'); room.onmessage = ({ data }) => tell(data); room.postMessage('who?'); })",
    "const room = new BroadcastChannel('page'); room.onmessage = () => room.postMessage(mark); window.room = room",
  ),
  'broadcast by a worker': clean(
    "ask((tell) => { const room = new BroadcastChannel('worker'); room.onmessage = ({ data }) => tell(data); room.postMessage('who?'); })",
    "window.worker = new Worker('/dedicated.js?' + mark)",
  ),
  lock: clean(
    '(await navigator.locks.query()).held.map(({ name }) => name)',
    'navigator.locks.request(mark, () => new Promise(() => {})); return undefined',
  ),
  'blob address': clean(
    "Promise.all((await text('/blobs')).split(' ').filter(Boolean).map((url) => text(url)))",
    "fetch('/blobs', { method: 'POST', body: URL.createObjectURL(new Blob([mark])) })",
  ),
};

const windows: Record<string, Place> = {
  'window.name': clean('window.name', 'window.name = mark'),
  'global variable': clean("String(window.left ?? '')", 'window.left = mark'),
  'history.state': clean("JSON.stringify(history.state ?? '')", 'history.replaceState(mark, "")'),
  'list of the history': clean(
    'navigation.entries().map(({ url }) => url)',
    "history.pushState(mark, '', location.search + '&' + mark)",
  ),
  'length of the history': clean("history.length > 2 ? 'mark.anyone.0' : ''"),
  'named window': clean(
    "const w = open('', 'other-room'); try { return String(w?.left ?? '') } finally { w?.close() }",
    "const w = open('about:blank', 'other-room'); if (w) w.left = mark",
  ),
  referrer: clean('document.referrer', "history.replaceState(history.state, '', location.search + '&' + mark)"),
  'list of what was loaded': clean(
    'performance.getEntries().map(({ name }) => name).filter((name) => !name.includes("worker.js"))',
    "fetch('/x?' + mark)",
  ),
  'scroll position': clean("scrollY > 0 ? 'mark.anyone.0' : ''", 'scrollTo(0, 777)'),
  'form field': clean("document.querySelector('input').value", "document.querySelector('input').value = mark"),
};

const permissionNames = [
  'notifications',
  'geolocation',
  'persistent-storage',
  'background-sync',
  'storage-access',
  'midi',
];
const permissions: Record<string, Place> = {
  permission: clean(
    `Promise.all(${JSON.stringify(permissionNames)}.map((name) => navigator.permissions.query({ name }))).then((all) => all.some(({ state }) => state !== 'prompt') ? 'mark.anyone.0' : '')`,
    'Promise.all([navigator.storage.persist(), Notification.requestPermission()])',
  ),
};

const answers: Record<string, Place> = {
  'answer to /me': clean("text('/me', { headers: { authorization: 'Bearer ' + localStorage.token } })"),
  'cached fetch': clean("text('/cached/fetch')"),
  'cached XMLHttpRequest': clean(
    "new Promise((done) => { const x = new XMLHttpRequest(); x.onload = () => done(x.responseText); x.open('GET', '/cached/xhr'); x.send(); })",
  ),
  'cached redirect': clean("fetch('/cached/redirect').then(({ url }) => url)"),
  'cached script': asset("tag('script', { src: '/cached/script.js' }, document.head).then(() => window.fromScript)"),
  'cached module': asset("import('/cached/module.js').then(({ mark }) => mark)"),
  'cached style': asset(
    "tag('link', { rel: 'stylesheet', href: '/cached/style.css' }, document.head).then(() => getComputedStyle(document.body).getPropertyValue('--mark'))",
  ),
  'cached image': asset(
    "tag('img', { src: '/cached/image.svg' }, document.body).then((img) => 'mark.P' + (img.naturalWidth - 1) + '.' + img.naturalHeight)",
  ),
  'cached font': asset(
    "new FontFace('f', 'url(/cached/font)').load().catch(() => 0).then(() => performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/cached/font'))?.deliveryType === 'cache' ? 'mark.anyone.0' : '')",
  ),
  'validator of a copy': asset("text('/validated')"),
  'cached frame': clean(
    "tag('iframe', { src: '/cached/frame.html' }, document.body).then((frame) => frame.contentDocument.body.textContent)",
  ),
  // The browser has no command to forget them but closing the tab.
  'name and password': {
    look: "text('/basic/look')",
    leave:
      "new Promise((done) => { const x = new XMLHttpRequest(); x.onloadend = done; x.open('GET', '/basic/leave', true, mark, 'word'); x.send(); })",
    own: 'maybe',
  },
};

export const places: Readonly<Record<string, Place>> = {
  ...cookies,
  ...storages,
  ...running,
  ...windows,
  ...permissions,
  ...answers,
};

const asFunction = (code: string | undefined) => {
  if (code === undefined) return 'async () => {}';
  return `async (mark) => { ${/^(const|let|if|try)\b|;/.test(code) && !/^(new Promise|ask|tag|text|Promise)\(/.test(code) ? code : `return ${code}`} }`;
};

/** What is found only in the very document in which it was left; and permissions, of which the headless shell grants none. */
export const unfindable = ['global variable', 'form field', 'permission'];

/** Source of `look()` and `leave(mark)`: the first gives what is found as pairs of place and text. */
export const marksSource = `
  const text = (url, init) => fetch(url, init).then((answer) => answer.text(), () => '');
  const names = async (iterator) => { const all = []; for await (const each of iterator) all.push(each); return all; };
  const ask = (put) => new Promise((done) => { const all = []; put((each) => all.push(...[each].flat())); setTimeout(done, 250, all); });
  const tag = (name, attributes, parent) => new Promise((done) => {
    const element = Object.assign(document.createElement(name), attributes);
    element.onload = element.onerror = () => done(element);
    parent.append(element);
  });
  const places = { ${Object.entries(places)
    .map(([name, { leave, look }]) => `${JSON.stringify(name)}: [${asFunction(look)}, ${asFunction(leave)}]`)
    .join(',\n    ')} };
  const find = async ([name, [find]]) => {
    try { return [name, [await find()].flat().join(' ')]; } catch (error) { return [name, 'failed: ' + error]; }
  };
  // Opening a window holds the page up, and what is called meanwhile is lost: that one by itself.
  const [opening, others] = [true, false].map((isOpening) => Object.entries(places).filter(([name]) => (name === 'named window') === isOpening));
  const look = async () => [...await Promise.all(others.map(find)), ...await Promise.all(opening.map(find))];
  const leave = async (mark) => { for (const [, [, put]] of [...opening, ...others]) await put(mark).catch(() => {}); };`;
