// Turns the Authorization header of a request into the caller that its token proves.
import type { Request } from 'express';
import { Refusal } from './refusal.ts';
import type { Caller, Tokens } from './tokens.ts';

export function authenticate(request: Request, tokens: Tokens): Caller {
  const token = /^Bearer (\S+)$/i.exec(request.get('Authorization') ?? '')?.[1];
  if (!token) throw new Refusal(401, 'token_missing');
  return tokens.verify(token);
}
