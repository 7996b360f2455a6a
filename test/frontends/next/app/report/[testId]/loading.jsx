// Sent at once, while the report is still being made.

// biome-ignore lint/style/noDefaultExport: Next.js takes a page by its default export
export default function Loading() {
  return <p>Loading the report…</p>;
}
