// Waits until the S3 server answers, then makes the bucket that AWS_STORAGE_BUCKET_NAME names, unless it is there.

import { setTimeout as pause } from 'node:timers/promises';
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';

const patienceMs = 60_000;
const { AWS_STORAGE_BUCKET_NAME: Bucket, AWS_REGION: region = 'us-east-1', AWS_S3_ENDPOINT: endpoint } = process.env;
const client = new S3Client({ region, endpoint, forcePathStyle: true, maxAttempts: 1 });

/** What the server says about the bucket: true, false, or nothing because it is not up yet. */
async function isThere() {
  try {
    await client.send(new HeadBucketCommand({ Bucket }));
    return true;
  } catch (error) {
    const status = error.$metadata?.httpStatusCode;
    if (status === 404) return false;
    // No answer, or one of a server that is still starting. Anything else (a wrong key, a wrong name) does not mend itself.
    if (status === undefined || status >= 500) return undefined;
    throw error;
  }
}

const deadline = performance.now() + patienceMs;
let found = await isThere();
while (found === undefined) {
  if (performance.now() > deadline) throw new Error(`The S3 server did not answer within ${patienceMs / 1000} s`);
  await pause(500);
  found = await isThere();
}
if (!found) await client.send(new CreateBucketCommand({ Bucket }));
console.log(`Bucket ${Bucket} ${found ? 'was there' : 'made'}`);
