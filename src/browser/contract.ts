// What the browser tells those who use it: its state, and the failures that are its own.

export interface BrowserStatus {
  state: 'starting' | 'up' | 'down';
  /** Why there is none, while there is none. */
  reason?: string;
}

/** A failure that is the browser's, not the page's: worth another try. */
export class BrowserFault extends Error {
  /** `renderer`: another page will do; `browser`: it is gone; `print`: it serves badly, another one is wanted. */
  readonly kind: 'renderer' | 'browser' | 'print';
  /** What the page was doing; set by who used the browser. */
  diagnosis?: object;

  constructor(kind: BrowserFault['kind'], options?: ErrorOptions) {
    super(`browser fault: ${kind}`, options);
    this.kind = kind;
  }
}
