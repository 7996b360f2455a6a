// Ordered ids, taken when a render is accepted: of two documents of one key the one with the greater id is the newer.

let last = 0n;

/** Greater than any before it in this process, and than any of an earlier process while the clock goes forward. */
export function nextRevision(): bigint {
  const now = BigInt(Date.now()) * 1000n;
  last = now > last ? now : last + 1n;
  return last;
}
