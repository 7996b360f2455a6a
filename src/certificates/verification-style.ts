// How the pages for anyone look. It loads nothing: fonts are those of the reader's own device.

export const verificationStyle = `
:root { color-scheme: light dark; --paper: #f4f3ef; --sheet: #fffefb; --ink: #1e2428; --quiet: #586068; --line: #dedbd2; --link: #1f5288;
  --good: #1d6b45; --good-wash: #e6f2ea; --late: #7d5200; --late-wash: #fbf0d9; --bad: #9b2424; --bad-wash: #fae8e6; --info: #2b5380; --info-wash: #e6eef7; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --sheet: #1c2024; --ink: #eceae4; --quiet: #a5acb3; --line: #343a40; --link: #93bff0;
  --good: #7fd0a3; --good-wash: #1b3227; --late: #ecc26a; --late-wash: #37301d; --bad: #f3a39c; --bad-wash: #3c2423; --info: #9cc3ef; --info-wash: #1f2e40; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, "Noto Sans", "Noto Sans Tamil", "Noto Sans Devanagari", "Noto Sans Arabic", sans-serif; padding: clamp(1rem, 5vw, 4rem) clamp(.75rem, 4vw, 2rem); }
main { width: 100%; max-width: 40rem; background: var(--sheet); border: 1px solid var(--line); border-radius: 14px; overflow: hidden; }
header, section, .more { padding: clamp(1.25rem, 5vw, 2.25rem); }
header { display: grid; grid-template-columns: auto 1fr; gap: .5rem 1rem; align-items: center; color: var(--tone); background: var(--wash); }
.valid { --tone: var(--good); --wash: var(--good-wash); } .expired { --tone: var(--late); --wash: var(--late-wash); }
.revoked { --tone: var(--bad); --wash: var(--bad-wash); } .replaced, .unknown, .start { --tone: var(--info); --wash: var(--info-wash); }
header svg { width: 2.5rem; height: 2.5rem; }
h1 { margin: 0; font-size: clamp(1.25rem, 4.5vw, 1.6rem); line-height: 1.3; font-weight: 650; text-wrap: balance; overflow-wrap: anywhere; }
header p { grid-column: 2; margin: 0; color: var(--ink); text-wrap: pretty; }
dl { margin: 0; display: grid; grid-template-columns: 1fr 1fr; gap: 1.5rem; }
dt { color: var(--quiet); font-size: .875rem; }
dd { margin: .15rem 0 0; overflow-wrap: anywhere; }
.wide { grid-column: 1 / -1; }
.name { font: 600 clamp(1.5rem, 6vw, 2.1rem)/1.3 Georgia, "Noto Serif", "Noto Serif Tamil", "Noto Serif Devanagari", Amiri, serif; }
.course { font-size: 1.2rem; line-height: 1.4; }
.more { border-top: 1px solid var(--line); padding-block: 1.25rem; }
.more p { margin: 0; color: var(--quiet); font-size: .9rem; }
a { color: var(--link); text-underline-offset: .2em; }
.actions { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin-top: .75rem; }
.actions a, nav a { padding-block: .5rem; min-height: 2.75rem; display: inline-flex; align-items: center; }
h2 { margin: 0 0 .75rem; font-size: .875rem; font-weight: 400; color: var(--quiet); }
.checks { border-top: 1px solid var(--line); padding-block: 1.5rem; }
.checks ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem; }
.checks li { display: grid; grid-template-columns: 1.25rem 1fr; gap: .75rem; align-items: start; }
.checks svg { width: 1.25rem; height: 1.25rem; margin-top: .15rem; } .passed svg { color: var(--good); } .failed svg { color: var(--bad); }
form label { display: block; font-weight: 600; }
form input { width: 100%; margin-top: .75rem; padding: 1.25rem 1rem; border: 1.5px dashed var(--quiet); border-radius: 10px; color: var(--quiet); font: inherit; }
form input::file-selector-button { font: inherit; padding: .5rem .9rem; margin-inline-end: .9rem; border: 1px solid var(--quiet); border-radius: 7px; background: var(--sheet); color: var(--ink); }
form.more p { margin-top: .5rem; }
form button, .button { min-height: 2.75rem; padding: .5rem 1.4rem; font: inherit; font-weight: 600; border: 0; border-radius: 8px; background: var(--link); color: var(--sheet); }
form button { margin-top: 1rem; } .button { display: inline-flex; align-items: center; text-decoration: none; }
.successor { grid-column: 2; justify-self: start; font-weight: 600; }
nav { margin-top: 1rem; display: flex; flex-wrap: wrap; justify-content: center; gap: 0 1.25rem; font-size: .9rem; }
nav a { color: var(--quiet); } nav a[aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 3px; border-radius: 3px; }
@media (max-width: 26rem) { dl { grid-template-columns: 1fr; gap: 1.1rem; } header { grid-template-columns: 1fr; } header p, .successor { grid-column: 1; } }
@media print { body { padding: 0; background: none; } nav, form, .actions { display: none; } }
`;
