// What a measurement reports, ready to be printed or written into the documentation.

export interface Section {
  title: string;
  /** Paragraphs: how it was measured, what is left out. */
  text: string[];
  tables: { columns: string[]; rows: (string | number)[][] }[];
}
