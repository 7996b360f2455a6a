// The application as it is, and the same with React 18 in the place of 19.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const react18 = [
  { find: /^react(?=\/|$)/, replacement: 'react18' },
  { find: /^react-dom(?=\/|$)/, replacement: 'react-dom18' },
];

// biome-ignore lint/style/noDefaultExport: Vite loads its settings by their default export
export default defineConfig(({ mode }) => ({
  plugins: [react()],
  base: `/${mode}/`,
  resolve: { alias: mode === 'react18' ? react18 : [] },
  build: { outDir: `dist/${mode}` },
}));
