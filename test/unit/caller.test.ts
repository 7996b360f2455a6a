// What a user token's claims say: who it is, of which tenant, with which classes.

import { describe, expect, test } from '@jest/globals';
import { readCaller } from '../../src/identity/caller.ts';
import type { Caller } from '../../src/identity/contract.ts';
import { callerKey } from '../../src/identity/contract.ts';

const a = 'https://a.example';
const b = 'https://b.example';
const oneTenant = { origins: [a], originOfIssuer: new Map<string, string>() };
const twoTenants = {
  origins: [a, b],
  originOfIssuer: new Map([
    ['https://id.a.example', a],
    ['https://id.b.example', b],
  ]),
};

const read = (claims: Record<string, unknown>, tenants = oneTenant) => readCaller(claims, 'the token', tenants);
const student = { user_type: 'student', student_id: 'STU001' };

describe('who it is', () => {
  test.each<[string, Record<string, unknown>, Pick<Caller, 'type' | 'id'>]>([
    ['user_type student', { user_type: 'student', student_id: 'STU001' }, { type: 'student', id: 'STU001' }],
    ['role student', { role: 'student', student_id: 'STU001' }, { type: 'student', id: 'STU001' }],
    ['user_type teacher', { user_type: 'teacher', teacher_id: 'TCH001' }, { type: 'teacher', id: 'TCH001' }],
    ['role educator', { role: 'educator', educator_id: 'TCH001' }, { type: 'teacher', id: 'TCH001' }],
    ['educator with teacher_id', { role: 'educator', teacher_id: 'TCH001' }, { type: 'teacher', id: 'TCH001' }],
    ['teacher with educator_id', { role: 'teacher', educator_id: 'TCH001' }, { type: 'teacher', id: 'TCH001' }],
    [
      'teacher and educator being one',
      { user_type: 'teacher', role: 'educator', teacher_id: 'T1', educator_id: 'T1' },
      { type: 'teacher', id: 'T1' },
    ],
    ['both names of the type agreeing', { ...student, role: 'student' }, { type: 'student', id: 'STU001' }],
    ['role admin', { role: 'admin', user_id: 'ADM001' }, { type: 'admin', id: 'ADM001' }],
    ['user_type admin', { user_type: 'admin', user_id: 'ADM001' }, { type: 'admin', id: 'ADM001' }],
    ["user_id in place of the student's id", { role: 'student', user_id: 'STU001' }, { type: 'student', id: 'STU001' }],
    ["user_id in place of the teacher's id", { role: 'teacher', user_id: 'TCH001' }, { type: 'teacher', id: 'TCH001' }],
    ['user_id that says the same', { ...student, user_id: 'STU001' }, { type: 'student', id: 'STU001' }],
    ['an id that is a number', { role: 'student', student_id: 17 }, { type: 'student', id: '17' }],
    ['empty and null claims left aside', { ...student, user_id: '', role: null }, { type: 'student', id: 'STU001' }],
    [
      'an id with every allowed character',
      { ...student, student_id: 'A.b_c@d+e-9' },
      { type: 'student', id: 'A.b_c@d+e-9' },
    ],
    [
      "a teacher's id beside a student's does not make a teacher",
      { ...student, teacher_id: 'TCH001' },
      { type: 'student', id: 'STU001' },
    ],
  ])('%s', (_name, claims, expected) => {
    expect(read(claims)).toMatchObject(expected);
  });

  test('the token itself is kept for opening pages', () => {
    expect(read(student)?.token).toBe('the token');
  });
});

describe('nobody, where the claims', () => {
  test.each<[string, Record<string, unknown>]>([
    ['are empty', {}],
    ['name no type', { student_id: 'STU001' }],
    ['name an unknown type', { user_type: 'parent', user_id: 'P1' }],
    ['spell the type in capitals', { user_type: 'ADMIN', user_id: 'ADM001' }],
    ['give the type as a list', { role: ['admin'], user_id: 'ADM001' }],
    ['give the type as an object', { role: { name: 'admin' }, user_id: 'ADM001' }],
    ['give the type as true', { role: true, user_id: 'ADM001' }],
    ['name a type after a property of objects', { role: 'constructor', user_id: 'ADM001' }],
    ['name the prototype as a type', { role: '__proto__', user_id: 'ADM001' }],
    ['name toString as a type', { user_type: 'toString', user_id: 'ADM001' }],
    ['contradict each other in the type', { ...student, role: 'teacher' }],
    ['say student and admin', { ...student, role: 'admin' }],
    ['say teacher and something unknown', { user_type: 'teacher', role: 'parent', teacher_id: 'TCH001' }],
    ['contradict each other in the id', { ...student, user_id: 'STU002' }],
    ['contradict each other in the two ids of a teacher', { role: 'teacher', teacher_id: 'T1', educator_id: 'T2' }],
    ['name no id', { user_type: 'student' }],
    ['name an empty id', { user_type: 'student', student_id: '' }],
    ["name only another type's id", { user_type: 'student', teacher_id: 'TCH001' }],
    ["name only the student's id for a teacher", { user_type: 'teacher', student_id: 'STU001' }],
    ['name an id with ..', { ...student, student_id: '../x' }],
    ['name an id with two dots inside', { ...student, student_id: 'a..b' }],
    ['name an id with a slash', { ...student, student_id: 'a/b' }],
    ['name an id with a backslash', { ...student, student_id: 'a\\b' }],
    ['name an id with a line break at its end', { ...student, student_id: 'STU001\n' }],
    ['name an id with a zero-width character', { ...student, student_id: 'STU\u200b001' }],
    ['name an id of 101 characters', { ...student, student_id: 'a'.repeat(101) }],
    ['name an id that is a list', { ...student, student_id: ['STU001'] }],
    ['name an id that is an object', { ...student, student_id: { id: 'STU001' } }],
    ['name an id that is true', { ...student, student_id: true }],
    ['give a class as an object', { ...student, class_id: { id: 'CLASS_1' } }],
    ['give classes in a list of lists', { ...student, class_id: [['CLASS_1']] }],
    ['contradict each other in the tenant', { ...student, origin: [a] }],
  ])('%s', (_name, claims) => {
    expect(read(claims)).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ['alone', 'report:read'],
    ['among others', 'openid report:read profile'],
    ['in a list', ['report:read']],
    ['in a list, among others in one text', ['openid', 'profile report:read']],
  ])('hold the scope of a report token, %s', (_name, scope) => {
    expect(read({ ...student, scope })).toBeUndefined();
  });
});

test('another scope is no hindrance', () => {
  expect(read({ ...student, scope: 'openid report:readers' })).toMatchObject({ id: 'STU001' });
});

describe('classes', () => {
  test.each<[string, unknown, string[]]>([
    ['none', undefined, []],
    ['null', null, []],
    ['an empty text', '', []],
    ['an empty list', [], []],
    ['one', 'CLASS_1', ['CLASS_1']],
    ['a list of one', ['CLASS_1'], ['CLASS_1']],
    ['a list of several', ['CLASS_1', 'CLASS_2'], ['CLASS_1', 'CLASS_2']],
    ['a list that names one twice', ['CLASS_1', 'CLASS_1'], ['CLASS_1']],
    ['a list with gaps', ['CLASS_1', null, ''], ['CLASS_1']],
    ['a number', 7, ['7']],
    ['a comma is part of the name, not a list', 'CLASS_1,CLASS_2', ['CLASS_1,CLASS_2']],
  ])('%s', (_name, class_id, classes) => {
    expect(read({ ...student, class_id })?.classes).toEqual(classes);
  });
});

describe('the tenant', () => {
  test.each<[string, Record<string, unknown>, Caller['tenant']]>([
    ['is the only one, unless the token names another', {}, { origin: a }],
    ['is the only one when the token names it', { origin: a }, { origin: a }],
    ['is the only one whatever the issuer', { iss: 'https://id.somewhere.example' }, { origin: a }],
    ['is foreign when the token names another origin', { origin: b }, 'foreign'],
    ['is foreign for a look-alike', { origin: `${a}.evil.example` }, 'foreign'],
    ['is foreign for another port', { origin: `${a}:8443` }, 'foreign'],
    ['is foreign for another scheme', { origin: 'http://a.example' }, 'foreign'],
  ])('of one: %s', (_name, claims, tenant) => {
    expect(read({ ...student, ...claims })?.tenant).toEqual(tenant);
  });

  test.each<[string, Record<string, unknown>, Caller['tenant']]>([
    ['is not said', {}, 'unnamed'],
    ['is not said by an issuer that is not mapped', { iss: 'https://id.c.example' }, 'unnamed'],
    ['is named by the origin', { origin: b }, { origin: b }],
    ['is named by the issuer', { iss: 'https://id.b.example' }, { origin: b }],
    ['is named by both', { origin: b, iss: 'https://id.b.example' }, { origin: b }],
    ['is foreign', { origin: 'https://c.example' }, 'foreign'],
    ['is foreign for a part of an origin', { origin: 'a.example' }, 'foreign'],
  ])('of two: %s', (_name, claims, tenant) => {
    expect(read({ ...student, ...claims }, twoTenants)?.tenant).toEqual(tenant);
  });

  test('nobody, where issuer and origin name different tenants', () => {
    expect(read({ ...student, origin: a, iss: 'https://id.b.example' }, twoTenants)).toBeUndefined();
  });
});

describe('callers are told apart by tenant, type and id', () => {
  const inB = read({ ...student, origin: b }, twoTenants) as Caller;
  const caller = read(student) as Caller;

  test('the same person with other classes or another token is the same caller', () => {
    const later = readCaller({ ...student, class_id: 'CLASS_1' }, 'a later token', oneTenant) as Caller;
    expect(callerKey(later)).toBe(callerKey(caller));
  });

  test.each<[string, Caller]>([
    ['another id', read({ ...student, student_id: 'STU002' }) as Caller],
    ['another type', read({ role: 'teacher', user_id: 'STU001' }) as Caller],
    ['another tenant', inB],
    ['an unnamed tenant', read(student, twoTenants) as Caller],
  ])('%s is another caller', (_name, other) => {
    expect(callerKey(other)).not.toBe(callerKey(caller));
  });
});
