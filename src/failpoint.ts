// Places at which a test lets the process die, as by a cut of power; in production there are none.

/** Between every two steps of issuing a certificate, of fetching and reading attempts, of telling, and of a run, in their order. */
export const failpoints = [
  'certificate-accepted',
  'certificate-begun',
  'certificate-printed',
  'certificate-signed',
  'certificate-stored',
  'certificate-marked',
  'certificate-announced',
  'certificate-available',
  'attempts-kept',
  'attempts-fetched',
  'attempts-processed',
  'event-due',
  'event-sent',
  'mail-sent',
  'run-begun',
  'run-written',
  'run-decided',
  'run-awarded',
  'run-noted',
  'erasing-begun',
  'erasing-certificates',
  'erasing-rows',
  'erasing-files',
] as const;
export type Failpoint = (typeof failpoints)[number];

let armed: Failpoint | undefined;

/** From now on the process dies when it comes to this place. */
export function armFailpoint(name: Failpoint): void {
  armed = name;
}

/** Nothing, unless this very place is armed: then not one more step is taken. */
export function failpoint(name: Failpoint): void {
  if (name === armed) process.kill(process.pid, 'SIGKILL');
}
