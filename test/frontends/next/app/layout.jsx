// The frame of all pages.

import '../../style.css';

export const metadata = { title: 'Marks in five tests' };

// biome-ignore lint/style/noDefaultExport: Next.js takes a page by its default export
export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
