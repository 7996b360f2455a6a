// The report without a door before it.

export { default } from '../../report/[testId]/page.jsx';
