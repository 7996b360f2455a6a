// The tests that were taken: the survey has one mathematics score per student, so each class has one test.

export const ONLY_TEST = 'Test_1';

export function describeTest() {
  return { testId: ONLY_TEST, label: 'Test 1', subject: 'Mathematics achievement' };
}
