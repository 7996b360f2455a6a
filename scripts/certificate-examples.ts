// The examples of the endpoints of certificates.

import type { Example } from './example.ts';

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
  findings: [],
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

const logo = {
  type: 'image/svg+xml',
  name: 'logo.svg',
  text: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 20" onload="alert(1)"><circle cx="10" cy="10" r="10" fill="#1d2f4f"/></svg>',
};

export const certificateExamples: Example[] = [
  {
    endpoint: 'GET /internal/templates',
    as: 'service',
    path: '/internal/templates?limit=1',
    status: 200,
    answer: {
      items: [
        {
          id: 'course-completion',
          languages: ['ar', 'en', 'hi', 'ta'],
          schema: { type: 'object', required: ['name', 'courseName'] },
          sample: { name: 'Ada Lovelace', courseName: 'Foundations of Mathematics' },
        },
      ],
      next: 'course-completion',
    },
  },
  {
    endpoint: 'PUT /internal/images/{path}',
    as: 'service',
    path: '/internal/images/logo.svg',
    file: logo,
    status: 200,
    answer: {
      path: 'logo.svg',
      type: 'image/svg+xml',
      bytes: 119,
      width: 60,
      height: 20,
      sha256: '5d70ae7d2f6e8f1f0d8f0b1b3b6b1f0a2c4e6f8091a2b3c4d5e6f708192a3b4c',
      leftOut: ['onload'],
    },
  },
  {
    endpoint: 'GET /internal/templates/{id}/preview',
    as: 'service',
    path: '/internal/templates/modern-certificate/preview?language=ta&name=Anjali',
    status: 200,
    answerHeaders: { 'content-type': 'application/pdf', 'cache-control': 'no-store' },
  },
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
  { endpoint: 'GET /d/{code}', as: 'nobody', path: '/d/AAAAAAAAAAAAAAAAAAAAAA', status: 404, text: 'Nothing found' },
  {
    endpoint: 'GET /d/{code}/file',
    as: 'nobody',
    path: '/d/AAAAAAAAAAAAAAAAAAAAAA/file',
    status: 404,
    text: 'not_found',
  },
  { endpoint: 'GET /verify', as: 'nobody', path: '/verify', status: 200, text: 'type="file"' },
  {
    endpoint: 'POST /verify',
    as: 'nobody',
    path: '/verify',
    file: {
      name: 'certificate.pdf',
      type: 'application/pdf',
      text: '%PDF-1.4\n1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj\n2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj\n3 0 obj <</Type /Page /Parent 2 0 R>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF',
    },
    status: 200,
    answer: {
      valid: false,
      checks: [{ name: 'known_file', passed: false, detail: 'No certificate with this very file was issued here.' }],
    },
  },
  {
    endpoint: 'GET /credentials/{id}',
    as: 'nobody',
    path: '/credentials/$CODE',
    status: 200,
    text: 'OpenBadgeCredential',
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
  { endpoint: 'GET /did.json', as: 'nobody', path: '/did.json', status: 200, text: 'Multikey' },
  {
    endpoint: 'GET /contexts/certificate/v1',
    as: 'nobody',
    path: '/contexts/certificate/v1',
    status: 200,
    text: 'courseName',
  },
];
