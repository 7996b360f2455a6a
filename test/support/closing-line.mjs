// Ends a test run with the line "N passed, N failed[, N skipped]", which machines read.

/** Jest prints its own summary after all reporters, so the line is written when the process ends. */
// biome-ignore lint/style/noDefaultExport: Jest loads reporters by their default export
export default class ClosingLine {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const ran = results.numPassedTests + failed;
    process.once('exit', () => {
      if (ran === 0) process.exitCode = 1;
      const tail = skipped > 0 ? `, ${skipped} skipped` : '';
      process.stdout.write(`\n${results.numPassedTests} passed, ${ran === 0 ? 1 : failed} failed${tail}\n`);
    });
  }
}
