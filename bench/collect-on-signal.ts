// Loaded into the service by the soak (`--expose-gc --import`): SIGUSR2 collects garbage, so that only what is still held is sampled.

process.on('SIGUSR2', () => globalThis.gc?.());
