// Learners as Keycloak knows them: found by their id or by an attribute.

import { z } from 'zod';
import { abortable } from '../abortable.ts';
import { fail } from '../errors.ts';
import { below, callJson } from '../json-call.ts';
import type { Learner } from './contract.ts';
import { type KeycloakCall, type KeycloakSecrets, type KeycloakSettings, KeycloakToken } from './keycloak-token.ts';

const defaultTimeoutMs = 10_000;
/** Far more than is known of one person. */
const mostBytes = 1024 * 1024;
/** Keycloak does not tell capitals from small letters where it looks for an attribute. */
const mostFound = 20;

const text = z.string().nullish();
const userSchema = z.looseObject({
  firstName: text,
  lastName: text,
  email: text,
  enabled: z.boolean(),
  attributes: z.record(z.string(), z.array(z.string())).nullish(),
});
type User = z.output<typeof userSchema>;

const refusal = z.looseObject({ error: z.string() });

function learnerOf({ firstName, lastName, email, enabled, attributes }: User): Learner {
  const [middleName] = attributes?.middleName ?? [];
  const [language] = attributes?.locale ?? [];
  return {
    firstName: firstName ?? '',
    ...(middleName && { middleName }),
    lastName: lastName ?? '',
    ...(email && { email }),
    ...(language && { language }),
    isEnabled: enabled,
  };
}

/** In the quotes of Keycloak's own language of queries. */
const quoted = (value: string) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;

export class Keycloak {
  readonly #settings: KeycloakSettings;
  readonly #token: KeycloakToken;
  readonly #call: KeycloakCall;

  constructor(settings: KeycloakSettings, secrets: KeycloakSecrets, timeoutMs = defaultTimeoutMs) {
    this.#settings = settings;
    this.#call = (address, call) => callJson(address, { ...call, timeoutMs, mostBytes });
    this.#token = new KeycloakToken({ ...settings, secrets }, this.#call);
  }

  /** @throws learner_unavailable. */
  async find(studentId: string, signal: AbortSignal): Promise<Learner | undefined> {
    try {
      return await this.#find(studentId, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw fail('learner_unavailable', {}, { cause });
    }
  }

  async #find(studentId: string, signal: AbortSignal): Promise<Learner | undefined> {
    const { studentAttribute } = this.#settings;
    const path =
      studentAttribute === undefined ? `/${encodeURIComponent(studentId)}` : queryFor(studentAttribute, studentId);
    const { status, body } = await this.#ask(path, signal);
    if (studentAttribute === undefined && status === 404 && isAboutUser(body)) return undefined;
    if (status !== 200) throw new Error(`asked for a learner it answered ${status}`);
    const user = studentAttribute === undefined ? body : oneOf(body, studentAttribute, studentId);
    if (user === undefined && studentAttribute !== undefined) return undefined;
    return learnerOf(readAs(userSchema, user));
  }

  /** A token that is refused before its time, as after a restart, is fetched anew once. */
  async #ask(path: string, signal: AbortSignal) {
    for (let isAnew = false; ; isAnew = true) {
      const token = await abortable(this.#token.get(), signal);
      const address = below(token.server, `/admin/realms/${encodeURIComponent(this.#settings.realm)}/users${path}`);
      const answer = await this.#call(address, { headers: { authorization: `Bearer ${token.text}` }, signal });
      if (answer.status !== 401) return answer;
      await this.#token.drop(token);
      if (isAnew) return answer;
    }
  }
}

const queryFor = (attribute: string, value: string) =>
  `?${new URLSearchParams({ q: `${quoted(attribute)}:${quoted(value)}`, exact: 'true', briefRepresentation: 'false', max: String(mostFound) })}`;

/** A realm that is not there is a 404 too, and says nothing of the learner. */
const isAboutUser = (body: unknown) => /user/i.test(refusal.safeParse(body).data?.error ?? '');

/** Without what it was given: that is about a person. */
function readAs<T>(schema: z.ZodType<T>, value: unknown): T {
  const { success, data } = schema.safeParse(value);
  if (!success) throw new Error('what it says of a learner is in no form that is known here');
  return data;
}

/** The one whose attribute is exactly that. Of two it can't be said who is meant. */
function oneOf(body: unknown, attribute: string, value: string): User | undefined {
  const users = readAs(z.array(userSchema), body);
  const meant = users.filter(({ attributes }) => attributes?.[attribute]?.includes(value));
  if (meant.length > 1) throw new Error('several learners have the same id');
  return meant[0];
}
