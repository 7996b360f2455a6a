// What a picture of an institution is.

import { fail, type ServiceError } from '../errors.ts';

export type ImageName = 'logo' | 'signature' | 'background';

export interface Size {
  width: number;
  height: number;
}

/** One that can be printed. */
export interface Picture {
  type: 'image/png' | 'image/jpeg' | 'image/svg+xml';
  bytes: Buffer;
  size: Size;
  /** What was left out of an SVG, because it could do more than be seen. */
  leftOut: string[];
}

/** A picture as it lies in the storage, known for ever by its bytes. */
export interface KeptPicture extends Picture {
  sha256: string;
}

export type Pictures = Partial<Record<ImageName, KeptPicture>>;
/** Which bytes they were. */
export type PictureDigests = Partial<Record<ImageName, string>>;

export const imageInvalid = (detail: string): ServiceError => fail('image_invalid', { detail });
