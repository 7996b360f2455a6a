// Ordered ids, taken when a render is accepted: of two documents of one key the one with the greater id is the newer.

let last = 0n;

/** Greater than any before it in this process, and than any that this process has seen in the storage, wherever the clock goes. */
export function nextRevision(): bigint {
  const now = BigInt(Date.now()) * 1000n;
  last = now > last ? now : last + 1n;
  return last;
}

/** Takes note of a revision that is stored. Its writer's clock may have been ahead: what is accepted from now on is newer all the same. */
export function noteRevision(stored: bigint): void {
  if (stored > last) last = stored;
}
