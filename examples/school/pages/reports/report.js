// The frame that every report stands in: heading, who it is about, its sections, and where its figures come from.
// @ts-check
import { details, element, nameElement, paragraph, section } from '../elements.js';
import { count } from '../numbers.js';

/** @typedef {import('../../figures/names.ts').DisplayName} DisplayName */
/** @typedef {ReturnType<typeof import('../../figures/class-figures.ts').computeClassContext>} Context */
/**
 * A report as it is drawn; `subject` and `classId` come from the API's answer, never from the address.
 * @typedef {{ title: string, subject: string, classId: string, content: Node[] }} Report
 */

/**
 * @param {string} kind
 * @param {DisplayName | string} about
 * @param {[string, import('../elements.js').Child[]][]} entries
 */
export function reportHeader(kind, about, entries) {
  return element(
    'header',
    {},
    element('p', { class: 'kind' }, kind),
    element('h1', {}, typeof about === 'string' ? about : nameElement(about)),
    details(entries),
  );
}

/**
 * @param {Context} context
 * @returns {[string, import('../elements.js').Child[]][]}
 */
export function classEntries({ class: { classId, title, sector, size, teacher }, test }) {
  return [
    ['Test', [`${test.label}: ${test.subject}`]],
    ['Class', [`${title} (${classId})`]],
    ['Teacher', [nameElement(teacher.name), ` (${teacher.teacherId})`]],
    ['School', [`${sector}, ${count(size)} enrolled`]],
  ];
}

/** @param {Context} context */
export function sourceSection({ class: schoolClass, surveySummary, schoolsCompared }) {
  const invented = schoolClass.invented
    ? 'This class, its students and their scores are invented; they are left out of every figure about the survey. '
    : '';
  const schools = schoolClass.invented ? schoolsCompared : schoolsCompared + 1;
  const about = section(
    'About these figures',
    paragraph(
      `${invented}The figures about schools are from the survey “High School and Beyond” of 1982: one mathematics score ` +
        `and one socio-economic scale value for each of ${count(surveySummary.count)} students of ${schools} schools in the ` +
        'United States. Scores run from −2.8 to 25.0. The scale is centred: 0 is about the mean of all students.',
    ),
    paragraph(
      'The survey has no names. Every name here is invented, and its language says nothing about the student. ' +
        'What is usual for a background is the least-squares line of score on scale over all students; ' +
        'it describes them together and predicts nobody.',
    ),
  );
  about.className = 'source';
  return about;
}

/**
 * @param {Context} context
 * @returns {import('../charts/spread-chart.js').Group[]}
 */
export function comparisonGroups({ class: { sector }, summary, sectorSummary, surveySummary }) {
  return [
    { label: 'This class', summary },
    ...(sectorSummary ? [{ label: `${sector} schools`, summary: sectorSummary }] : []),
    { label: 'All schools', summary: surveySummary },
  ];
}
