// The build of the Next.js app; figures come from the folder above.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

// biome-ignore lint/style/noDefaultExport: Next.js takes its settings by their default export
export default { turbopack: { root: dirname(dirname(fileURLToPath(import.meta.url))) } };
