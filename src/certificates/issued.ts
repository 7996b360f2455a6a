// Certificates after they were issued: listed, downloaded, revoked, verified.

import { type Credential, type Credentials, statusListSize } from '../credentials/contract.ts';
import type { Database } from '../database/database.ts';
import type { Documents, StoredDocument } from '../documents/documents.ts';
import { fail } from '../errors.ts';
import { createLog } from '../log.ts';
import { mayRead, type Reader } from './access.ts';
import { readInstant, verifyUrlOf } from './certificate.ts';
import type { CertificateRow, Verification } from './contract.ts';
import type { FileLinks } from './file-links.ts';
import { nameOf } from './making.ts';
import { rowOf } from './row.ts';
import { mayBecome } from './status.ts';
import {
  findByCode,
  findCertificate,
  findNotGood,
  findOfLearner,
  holdCertificate,
  markRevoked,
  type StoredCertificate,
} from './store.ts';

const log = createLog('certificates');

/** So long it may take until a status list tells of a revocation in another process. */
export const statusMemorySeconds = 30;

export interface Issued {
  list(reader: Reader, studentId: string): Promise<CertificateRow[]>;
  /** Address of its document. @throws not_found, also for those who may not read it and while there is no document. */
  linkTo(reader: Reader, id: string): Promise<string>;
  /** @throws not_found where there is no document, or another one than was recorded; storage_unavailable. */
  open(id: string): Promise<StoredDocument & { number: string }>;
  /** @throws not_found; already_revoked, also where it was replaced. */
  revoke(reader: Reader, revocation: { id: string; reason: string }): Promise<CertificateRow>;
  /** What its page says; undefined where no document was ever given out with this code. */
  verify(code: string): Promise<(Verification & Pick<StoredCertificate, 'number'> & { verifyUrl: string }) | undefined>;
  /** The signed list of those that are not good any more. @throws not_found. */
  statusList(list: number): Promise<Credential>;
}

interface Dependencies {
  database: Database;
  documents: Documents;
  /** Undefined where no key was given to sign with. */
  credentials: Credentials | undefined;
  links: FileLinks;
  publicUrl: string;
}

class IssuedOnes implements Issued {
  readonly #dependencies: Dependencies;
  readonly #statusLists = new Map<number, { list: Promise<Credential>; until: number }>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  async list({ tenant, ...reader }: Reader, studentId: string): Promise<CertificateRow[]> {
    if (!mayRead({ tenant, ...reader }, { tenant, studentId })) throw fail('not_found');
    const found = await findOfLearner(this.#dependencies.database.queries, { tenant, studentId });
    return found.map((certificate) => this.#rowOf(certificate));
  }

  async linkTo(reader: Reader, id: string): Promise<string> {
    const { database, links } = this.#dependencies;
    const certificate = await findCertificate(database.queries, id);
    const isOpen = certificate !== undefined && mayRead(reader, certificate) && certificate.sha256 !== null;
    if (!isOpen) throw fail('not_found');
    return links.sign(id);
  }

  async open(id: string): Promise<StoredDocument & { number: string }> {
    const { database, documents } = this.#dependencies;
    const certificate = await findCertificate(database.queries, id);
    if (certificate === undefined || certificate.sha256 === null) throw fail('not_found');
    const { key, sha256, number } = certificate;
    const unavailable = (cause?: unknown) => {
      const detail = 'The storage that holds the document does not answer.';
      return fail('storage_unavailable', { detail }, { cause });
    };
    const document = await documents
      .find(key, (record) => record.sha256 === sha256)
      .catch((cause) => {
        throw unavailable(cause);
      });
    if (document !== undefined) return { ...document, number };
    const { state, reason } = await documents.status();
    if (state !== 'up') throw unavailable(reason);
    log.error('The document of a certificate is missing, or was altered', { certificateId: id, s3Key: key });
    throw fail('not_found');
  }

  async revoke(reader: Reader, { id, reason }: { id: string; reason: string }): Promise<CertificateRow> {
    const row = await this.#dependencies.database.transaction(async (tx) => {
      const certificate = await holdCertificate(tx, id);
      if (certificate === undefined || !mayRead(reader, certificate)) throw fail('not_found');
      if (!mayBecome(certificate.status, 'revoked')) throw fail('already_revoked');
      await markRevoked(tx, id, reason);
      return this.#rowOf({ ...certificate, status: 'revoked' });
    });
    this.#statusLists.clear();
    log.info('Certificate revoked', { certificateId: id });
    return row;
  }

  async verify(code: string) {
    const { queries } = this.#dependencies.database;
    const certificate = await findByCode(queries, code);
    if (certificate === undefined || certificate.sha256 === null) return undefined;
    const { input, number, replacedBy } = certificate;
    const successor = replacedBy === null ? undefined : await findCertificate(queries, replacedBy);
    return {
      status: standingOf(certificate),
      name: nameOf(input),
      courseName: input.courseName,
      issuedAt: input.issuanceDate,
      expiresAt: input.expirationDate ?? null,
      ...(successor === undefined ? {} : { replacedBy: this.#verifyUrlOf(successor) }),
      number,
      verifyUrl: this.#verifyUrlOf(certificate),
    };
  }

  statusList(list: number): Promise<Credential> {
    const known = this.#statusLists.get(list);
    if (known !== undefined && known.until > Date.now()) return known.list;
    const built = this.#buildStatusList(list);
    this.#statusLists.set(list, { list: built, until: Date.now() + statusMemorySeconds * 1000 });
    built.catch(() => {
      if (this.#statusLists.get(list)?.list === built) this.#statusLists.delete(list);
    });
    return built;
  }

  async #buildStatusList(list: number): Promise<Credential> {
    const { credentials, database } = this.#dependencies;
    const places = await findNotGood(database.queries, { from: list * statusListSize, size: statusListSize });
    if (credentials === undefined || places === undefined) throw fail('not_found');
    return credentials.statusList(list, places);
  }

  #verifyUrlOf({ code }: StoredCertificate): string {
    return verifyUrlOf(this.#dependencies.publicUrl, code);
  }

  #rowOf(certificate: StoredCertificate): CertificateRow {
    return rowOf(certificate, this.#dependencies.publicUrl);
  }
}

function standingOf({ status, input }: StoredCertificate): Verification['status'] {
  if (status === 'revoked' || status === 'replaced') return status;
  const expires = readInstant(input.expirationDate ?? '');
  return expires !== undefined && expires <= Date.now() ? 'expired' : 'valid';
}

export function createIssued(dependencies: Dependencies): Issued {
  return new IssuedOnes(dependencies);
}
