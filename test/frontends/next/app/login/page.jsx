// Where those without a session are sent.

// biome-ignore lint/style/noDefaultExport: Next.js takes a page by its default export
export default function Login() {
  return <h1>Please log in</h1>;
}
