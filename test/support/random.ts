// Chance that can be repeated: the same seed gives the same numbers.

export interface Chance {
  /** From 0 to `below`, which is not among them. */
  whole(below: number): number;
  pick<T>(from: readonly [T, ...T[]]): T;
}

/** Mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (below: number) => Math.floor(next() * below);
  return { whole, pick: (from) => from[whole(from.length)] ?? from[0] };
}

/** The seed that the variable gives, or a new one; it is printed, so that a failure can be repeated. */
export function seedFrom(name: string): number {
  const seed = Number(process.env[name] ?? Date.now() % 1_000_000);
  process.stdout.write(`${name}=${seed}\n`);
  return seed;
}
