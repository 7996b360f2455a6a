// What keeps the process from starting and its operator can mend: told in one sentence that begins with the setting, without a stack.

export class StartError extends Error {
  /** Of the process that ends with it. */
  readonly exitCode: number = 1;
}
