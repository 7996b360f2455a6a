// Fonts that Platen ships, offered to the browser beside the system's.

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Latin, Greek, Cyrillic; Tamil; Devanagari; Arabic. Chinese fonts are large: the image installs the system's.
const families = ['noto-sans', 'noto-sans-tamil', 'noto-sans-devanagari', 'amiri'];
const faces = ['400Regular', '400Regular_Italic', '700Bold', '700Bold_Italic'];

function shippedFolders(): string[] {
  return families.flatMap((family) => {
    const folder = dirname(fileURLToPath(import.meta.resolve(`@expo-google-fonts/${family}/package.json`)));
    return faces.map((face) => join(folder, face));
  });
}

const systemFolders = ['/usr/share/fonts', '/usr/local/share/fonts', '/usr/share/X11/fonts'];
const fontFiles = new Set(['.ttf', '.otf', '.ttc', '.pfb', '.woff', '.woff2']);

/** Whether the machine has fonts of its own, which pages may name. Looks on Linux only; elsewhere there are always some. */
export async function hasSystemFonts(): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  for (const folder of systemFolders) {
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    if (names.some((name) => fontFiles.has(extname(name).toLowerCase()))) return true;
  }
  return false;
}

const escapeXml = (text: string) => text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);

/**
 * Writes a fontconfig file into `folder` that adds our fonts (and those in `extraDir`) to the system's.
 * @returns the file's path, for FONTCONFIG_FILE.
 */
export async function writeFontConfig(folder: string, extraDir: string | undefined): Promise<string> {
  const cache = join(folder, 'font-cache');
  await mkdir(cache, { recursive: true });
  const folders = [...shippedFolders(), ...(extraDir === undefined ? [] : [extraDir])];
  const fallbacks = ['sans-serif', 'serif', 'monospace', 'system-ui'];
  const lines = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">',
    '<fontconfig>',
    '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>',
    ...folders.map((each) => `<dir>${escapeXml(each)}</dir>`),
    `<cachedir>${escapeXml(cache)}</cachedir>`,
    // <default> comes after whatever the system prefers, so it only counts where the system has nothing.
    ...fallbacks.map((name) => `<alias><family>${name}</family><default><family>Noto Sans</family></default></alias>`),
    '</fontconfig>',
  ];
  const file = join(folder, 'fonts.conf');
  await writeFile(file, lines.join('\n'));
  return file;
}
