// Sent at once, as for the report behind the door.

export { default } from '../../report/[testId]/loading.jsx';
