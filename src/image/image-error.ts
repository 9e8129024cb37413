// The error of the image room.

/** A disk, medium or bundle that will not do; the message tells the operator why. */
export class ImageError extends Error {
  override readonly name = "ImageError";
}
