// The figures that every page shows, so that the test knows how high each bar must be.

export const labels = ['Test 1', 'Test 2', 'Test 3', 'Test 4', 'Test 5'];
/** Out of 100, from left to right. */
export const marks = [55, 64, 72, 81, 91];
export const rows = marks.map((mark, index) => ({ label: labels[index] ?? '', mark }));
/** Of all bars: strong, so that the test finds them, and nothing else on a page has it. */
export const colour = '#2563eb';
