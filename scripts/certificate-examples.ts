// The examples of the endpoints of certificates.

import type { Example } from './api-examples.ts';

const certificateId = '89295cec-aa12-4e58-bcb1-4ca860de69ba';
const verifyUrl = 'https://pdf.school.example/verify/TNhXXc516V8MawneBEo8RA';
const certificateRow = {
  id: certificateId,
  student_id: 'STU001',
  course_id: 'ALG1',
  course_name: 'Algebra I',
  number: '2026-000001',
  status: 'available',
  score: 92,
  max_score: 100,
  generated_at: '2026-03-01T09:30:00.000Z',
  expires_at: null,
  s3_key: `certificates/ALG1/STU001/${certificateId}.pdf`,
  verify_url: verifyUrl,
  last_error: null,
};

const issued = {
  success: true,
  statusCode: 200,
  message: 'Credential issued successfully',
  data: {
    credential: {
      '@context': [
        'https://www.w3.org/2018/credentials/v1',
        'https://pdf.school.example/contexts/certificate/v1',
        'https://w3id.org/security/data-integrity/v2',
      ],
      id: `urn:uuid:${certificateId}`,
      type: ['VerifiableCredential'],
      issuer: 'did:web:pdf.school.example',
      issuanceDate: '2026-03-01',
      credentialSubject: {
        id: 'urn:uuid:630ef441-33b0-53be-ab9d-0690297c3a24',
        userId: 'STU001',
        firstName: 'Anjali',
        lastName: 'Kumar',
        courseId: 'ALG1',
        courseName: 'Algebra I',
      },
      proof: { type: 'DataIntegrityProof', cryptosuite: 'eddsa-rdfc-2022', proofValue: 'z2FsHquiEsSw…' },
    },
    certificate: {
      id: certificateId,
      number: '2026-000001',
      verifyUrl,
      downloadUrl: `https://pdf.school.example/certificates/${certificateId}/download`,
    },
    badge: { type: ['VerifiableCredential', 'OpenBadgeCredential'], name: 'Algebra I' },
  },
};

export const certificateExamples: Example[] = [
  {
    endpoint: 'POST /certificate/issue',
    as: 'service',
    path: '/certificate/issue',
    body: {
      userId: 'STU001',
      courseId: 'ALG1',
      courseName: 'Algebra I',
      firstName: 'Anjali',
      lastName: 'Kumar',
      issuanceDate: '2026-03-01',
      score: 92,
      maxScore: 100,
    },
    status: 200,
    answer: issued,
    keep: { CERTIFICATE_ID: 'data.certificate.id', CODE: 'data.certificate.verifyUrl' },
  },
  {
    endpoint: 'GET /certificates/{studentId}',
    as: 'student',
    path: '/certificates/STU001',
    status: 200,
    answer: [certificateRow],
  },
  {
    endpoint: 'GET /certificates/{id}/download',
    as: 'student',
    path: '/certificates/$CERTIFICATE_ID/download',
    status: 200,
    answer: {
      download_url: `https://pdf.school.example/certificates/${certificateId}/file?expires=1772357400&signature=5oYz…`,
    },
    keep: { FILE: 'download_url' },
  },
  {
    endpoint: 'GET /certificates/{id}/file',
    as: 'nobody',
    path: '/certificates/$CERTIFICATE_ID/$FILE',
    status: 200,
    answerHeaders: { 'content-type': 'application/pdf' },
  },
  {
    endpoint: 'POST /api/certificates/generate',
    as: 'student',
    path: '/api/certificates/generate',
    body: { courseId: 'ALG1' },
    status: 200,
    answer: { certificate: certificateRow },
  },
  {
    endpoint: 'GET /verify/{code}',
    as: 'nobody',
    path: '/verify/$CODE',
    headers: { Accept: 'application/json' },
    status: 200,
    answer: {
      status: 'valid',
      name: 'Anjali Kumar',
      courseName: 'Algebra I',
      issuedAt: '2026-03-01',
      expiresAt: null,
    },
  },
  {
    endpoint: 'POST /certificates/{id}/revoke',
    as: 'service',
    path: '/certificates/$CERTIFICATE_ID/revoke',
    body: { reason: 'Issued by mistake' },
    status: 200,
    answer: { ...certificateRow, status: 'revoked' },
  },
  {
    endpoint: 'POST /certificates/{id}/reissue',
    as: 'service',
    path: '/certificates/$CERTIFICATE_ID/reissue',
    body: { reason: 'The name was misspelt', firstName: 'Anjaly' },
    status: 200,
    answer: issued,
  },
  {
    endpoint: 'GET /credentials/status/{list}',
    as: 'nobody',
    path: '/credentials/status/0',
    status: 200,
    text: 'BitstringStatusList',
  },
  {
    endpoint: 'GET /.well-known/did.json',
    as: 'nobody',
    path: '/.well-known/did.json',
    status: 200,
    text: 'Multikey',
  },
  {
    endpoint: 'GET /contexts/certificate/v1',
    as: 'nobody',
    path: '/contexts/certificate/v1',
    status: 200,
    text: 'courseName',
  },
];
