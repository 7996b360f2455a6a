// What an example of an endpoint says: who sends what, and what comes back.

export type Who = 'service' | 'student' | 'teacher' | 'nobody';

export interface Example {
  /** As in the OpenAPI document; undefined for what only prepares the next ones, and is not shown. */
  endpoint: string | undefined;
  as: Who;
  /** With `$NAME` where an earlier answer gave something. */
  path: string;
  method?: string;
  headers?: Record<string, string>;
  body?: object;
  /** A file that is sent instead of JSON: its name, its type and what is in it. */
  file?: { name: string; type: string; text: string };
  status: number;
  /** Headers that the answer has, exactly so. */
  answerHeaders?: Record<string, string>;
  /** The JSON of the answer; values whose names are in `changing` are others each time. */
  answer?: object;
  /** Of an answer that is no JSON: words that it has. */
  text?: string;
  /** Names under which values of the answer are used later; each is a name, or several with dots between them. Of an address the last part is used. */
  keep?: Record<string, string>;
}
