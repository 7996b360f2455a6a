// What each tenant has by itself: whoever has passed a test gets a certificate of its course.

import { allCourses } from '../plugins/plugins.ts';
import type { BuiltIn } from './configuration-store.ts';

const type = { name: 'course-completion', retriever: 'passing-attempts', generator: 'template', options: {} };

/** The type, and its configuration for all courses. */
export const passingAttempts = (everySeconds: number): BuiltIn => ({
  type,
  context: { kind: 'course', id: allCourses, name: 'All courses' },
  everySeconds,
});

export const isBuiltIn = ({ context }: { context: { id: string } }): boolean => context.id === allCourses;
export const isBuiltInType = (name: string): boolean => name === type.name;
export const builtInRetriever = type.retriever;
