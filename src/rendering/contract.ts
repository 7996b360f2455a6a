// What goes into a render and what comes out of it.

import type { BrowserStatus } from '../browser/contract.ts';
import type { Findings } from '../page/contract.ts';

export const stages = ['queue', 'open', 'load', 'ready', 'assets', 'settle', 'print', 'close'] as const;
export type Stage = (typeof stages)[number];

/** Who goes first: a person who waits, a backend that waits, work that nobody waits for. */
export type Priority = 'interactive' | 'trigger' | 'background';

export interface RenderRequest {
  /** Absolute address of the page; its origin must be a tenant's. */
  url: string;
  /** Put into the page's localStorage and cookie before its own scripts run. */
  token?: string | undefined;
  /** Whether other renders may come with the same token: its tab is kept for them. */
  isTokenShared?: boolean;
  /** Id that the page must show, where it says whom it shows. */
  subject?: string | undefined;
  /** Whether the page is one person's, who must be named on it where the settings want that. */
  hasSubject?: boolean;
  /** Class that the page must not contradict, where it names one. */
  className?: string | undefined;
}

export interface RenderOptions {
  priority: Priority;
  /** Ends the render: the page is closed within 100 ms. */
  signal?: AbortSignal | undefined;
  /** Makes the render interactive when it fires: a person has come to wait for it too. */
  hurry?: AbortSignal | undefined;
  onStage?: ((stage: Stage) => void) | undefined;
}

export interface RenderedPdf {
  bytes: Buffer;
  pages: number;
  /** What `<meta name="pdf-class">` says; more than one where the page contradicts itself. */
  classNames: string[];
  /** What was not as it should be; each begins with a code of `warningCodes`. */
  warnings: string[];
}

/** A page with all that belongs to it. */
export interface GivenDocument {
  html: string;
  /**
   * What many documents have in common, by path as it stands in an address: `/print.css`. The same map means the same files: a browser that
   * has read them for one document need not read them again for the next.
   */
  files: ReadonlyMap<string, GivenFile>;
  /** This one's alone, by path; they go before `files`. */
  ownFiles?: ReadonlyMap<string, GivenFile>;
}

export interface GivenFile {
  /** As `text/css`. */
  type: string;
  bytes: Uint8Array;
}

export interface PrintedDocument {
  bytes: Buffer;
  pages: number;
  /** What it asked for and was not given; addresses, or what the browser says of them. */
  refused: string[];
}

/** What a failed render was doing; quoted in the problem that the caller gets. */
export interface Diagnosis extends Findings {
  stage: Stage;
  elapsedMs: number;
}

export interface RenderingStatus {
  browser: BrowserStatus;
  active: number;
  waiting: number;
}
