// What a picture of an institution is.

import { fail, type ServiceError } from '../errors.ts';

export type ImageName = 'logo' | 'signature' | 'background';

export interface Size {
  width: number;
  height: number;
}

/** A picture that holds what is seen, and nothing else. */
export interface Cleaned {
  bytes: Buffer;
  size: Size;
  /** What was left out: it could do more than be seen, or told of a place, a time, a person. */
  leftOut: string[];
}

/** One that can be printed. */
export interface Picture extends Cleaned {
  type: 'image/png' | 'image/jpeg' | 'image/svg+xml';
}

/** A picture as it lies in the storage, known for ever by its bytes. */
export interface KeptPicture extends Picture {
  sha256: string;
}

export type Pictures = Partial<Record<ImageName, KeptPicture>>;
/** Which bytes they were. */
export type PictureDigests = Partial<Record<ImageName, string>>;

export const imageInvalid = (detail: string): ServiceError => fail('image_invalid', { detail });
