// Writes numbers as the reports show them.
// @ts-check

const oneDecimal = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const signed = new Intl.NumberFormat('en', {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
  signDisplay: 'exceptZero',
});

/** @param {number} value */
export function score(value) {
  return withMinus(oneDecimal.format(value));
}

/** @param {number} value */
export function count(value) {
  return whole.format(value);
}

/** @param {number} value */
export function difference(value) {
  return withMinus(signed.format(value));
}

/**
 * "2.7 above", "1.0 below", "equal to".
 * @param {number} value
 */
export function aboveOrBelow(value) {
  if (Math.abs(value) < 0.05) return 'equal to';
  return `${score(Math.abs(value))} points ${value > 0 ? 'above' : 'below'}`;
}

/** @param {string} text */
function withMinus(text) {
  return text.replace('-', '−');
}
