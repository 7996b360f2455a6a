// Certificates after they were issued: listed, downloaded, revoked.

import contentDisposition from 'content-disposition';
import { type Credential, type Credentials, statusListSize } from '../credentials/contract.ts';
import type { Database } from '../database/database.ts';
import type { Documents, StoredDocument } from '../documents/documents.ts';
import { fail, ServiceError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { mayRead, type Reader } from './access.ts';
import { noteEnd } from './audited.ts';
import type { CertificateRow } from './contract.ts';
import { nameOf } from './facts.ts';
import { type FileLinks, linkSeconds } from './file-links.ts';
import { rowOf } from './row.ts';
import { mayBecome } from './status.ts';
import {
  findCertificate,
  findNotGood,
  findOfLearner,
  holdCertificate,
  markRevoked,
  type StoredCertificate,
  toldOf,
} from './store.ts';

const log = createLog('certificates');

/** So long it may take until a status list tells of a revocation in another process. */
export const statusMemorySeconds = 30;

export const fileNameOf = ({ number }: { number: string }): string => `certificate-${number}.pdf`;

export interface IssuedDocument extends StoredDocument {
  /** As it stands on it. */
  number: string;
}

export interface CertificateTitle {
  id: string;
  name: string;
  courseName: string;
  number: string;
}

export interface Issued {
  list(reader: Reader, studentId: string): Promise<CertificateRow[]>;
  /** Address of its document. @throws not_found, also for those who may not read it and while there is no document. */
  linkTo(reader: Reader, id: string): Promise<string>;
  /** @throws not_found where there is no document, or another one than was recorded; storage_unavailable. */
  open(id: string): Promise<IssuedDocument>;
  /** What is told of it to whoever was sent a link to it; undefined for one that is not good any more, or not made. */
  titleOf(id: string): Promise<CertificateTitle | undefined>;
  /** @throws not_found; already_revoked, also where it was replaced. */
  revoke(reader: Reader, revocation: { id: string; reason: string }): Promise<CertificateRow>;
  /** The signed list of those that are not good any more. @throws not_found. */
  statusList(list: number): Promise<Credential>;
}

interface Dependencies {
  database: Database;
  documents: Documents;
  /** Undefined where no key was given to sign with. */
  credentials: Credentials | undefined;
  events: Events;
  links: FileLinks;
  metrics: Metrics;
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
    const { database, documents, links, metrics } = this.#dependencies;
    const certificate = await findCertificate(database.queries, id);
    const isOpen = certificate !== undefined && mayRead(reader, certificate) && certificate.sha256 !== null;
    if (!isOpen) throw fail('not_found');
    const disposition = contentDisposition(fileNameOf(certificate));
    const ofStorage = await documents.linkTo(certificate.key, { seconds: linkSeconds, disposition });
    // What the storage gives out by itself is seen by nobody here.
    if (ofStorage !== undefined) {
      metrics.certificateDownloads.inc({ outcome: 'link' });
      countDownload(metrics, certificate);
    }
    return ofStorage ?? links.sign(id);
  }

  async titleOf(id: string): Promise<CertificateTitle | undefined> {
    const found = await findCertificate(this.#dependencies.database.queries, id);
    if (found?.status !== 'available') return undefined;
    return { id, name: nameOf(found.input), courseName: found.input.courseName, number: found.number };
  }

  async open(id: string): Promise<IssuedDocument> {
    const count = (outcome: string) => this.#dependencies.metrics.certificateDownloads.inc({ outcome });
    try {
      const document = await this.#find(id);
      count('ok');
      return document;
    } catch (error) {
      count(error instanceof ServiceError ? error.code : 'internal_error');
      throw error;
    }
  }

  async #find(id: string): Promise<IssuedDocument> {
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
    if (document !== undefined) {
      countDownload(this.#dependencies.metrics, certificate);
      return { ...document, number };
    }
    const { state, reason } = await documents.status();
    if (state !== 'up') throw unavailable(reason);
    log.error('The document of a certificate is missing, or was altered', { certificateId: id, s3Key: key });
    throw fail('not_found');
  }

  async revoke(reader: Reader, { id, reason }: { id: string; reason: string }): Promise<CertificateRow> {
    const { database, events } = this.#dependencies;
    const row = await database.transaction(async (tx) => {
      const certificate = await holdCertificate(tx, id);
      if (certificate === undefined || !mayRead(reader, certificate)) throw fail('not_found');
      if (!mayBecome(certificate.status, 'revoked')) throw fail('already_revoked');
      await markRevoked(tx, id, reason);
      await noteEnd(tx, certificate, { status: 'revoked' });
      await events.certificateRevoked(tx, certificate.tenant, toldOf(certificate));
      return this.#rowOf({ ...certificate, status: 'revoked' });
    });
    this.#statusLists.clear();
    log.info('Certificate revoked', { certificateId: id });
    return row;
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

  #rowOf(certificate: StoredCertificate): CertificateRow {
    return rowOf(certificate, this.#dependencies.publicUrl);
  }
}

function countDownload({ tally }: Metrics, { tenant, courseId }: StoredCertificate): void {
  tally.count({ tenant, courseId, name: 'downloaded' });
}

export function createIssued(dependencies: Dependencies): Issued {
  return new IssuedOnes(dependencies);
}
