// Vite knows what to do with style sheets.
declare module '*.css';
