// Counts what a page makes the browser tell of it: one that tells without end would hold up the browser's other pages, and us.

import type { CDPEvents, CDPSession } from 'puppeteer-core';

/** Far beyond any report. */
const most = {
  requests: 5000,
  /** Of every kind: answers, their pieces, frames, sockets. A request comes to some seven. */
  events: 50_000,
  /** Lines to the console, warnings of the browser, uncaught errors. */
  messages: 10_000,
  /** Characters of all messages. */
  characters: 10_000_000,
};

export class FloodWatch {
  readonly #onFlood: (what: string) => void;
  readonly #stop: () => void;
  #events = 0;
  #requests = 0;
  #messages = 0;
  #characters = 0;

  /** Tells once what there was too much of. */
  constructor(cdp: CDPSession, onFlood: (what: string) => void) {
    this.#onFlood = onFlood;
    const onAny = () => {
      if (++this.#events > most.events) this.#end('frames, pieces of answers or other events');
    };
    const onRequest = () => {
      if (++this.#requests > most.requests) this.#end('requests');
    };
    const onConsole = ({ args }: CDPEvents['Runtime.consoleAPICalled']) =>
      this.#weigh(args.map(({ value, description }) => lengthOf(value) + lengthOf(description)));
    const onEntry = ({ entry }: CDPEvents['Log.entryAdded']) => this.#weigh([entry.text.length]);
    const onThrown = ({ exceptionDetails: { exception } }: CDPEvents['Runtime.exceptionThrown']) =>
      this.#weigh([lengthOf(exception?.value), lengthOf(exception?.description)]);
    cdp.on('*', onAny);
    cdp.on('Network.requestWillBeSent', onRequest);
    cdp.on('Runtime.consoleAPICalled', onConsole);
    cdp.on('Log.entryAdded', onEntry);
    cdp.on('Runtime.exceptionThrown', onThrown);
    this.#stop = () => {
      cdp.off('*', onAny);
      cdp.off('Network.requestWillBeSent', onRequest);
      cdp.off('Runtime.consoleAPICalled', onConsole);
      cdp.off('Log.entryAdded', onEntry);
      cdp.off('Runtime.exceptionThrown', onThrown);
    };
  }

  stop(): void {
    this.#stop();
  }

  #weigh(lengths: number[]): void {
    this.#messages++;
    for (const length of lengths) this.#characters += length;
    if (this.#messages > most.messages || this.#characters > most.characters) this.#end('messages to its console');
  }

  #end(what: string): void {
    this.#stop();
    this.#onFlood(what);
  }
}

const lengthOf = (value: unknown) => (typeof value === 'string' ? value.length : 0);
