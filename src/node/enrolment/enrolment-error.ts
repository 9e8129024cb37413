// Why a node cannot become part of a cluster, in words for the person at the console.

/** A state that only a person can change. */
export class EnrolmentError extends Error {
  override readonly name = "EnrolmentError";

  constructor(
    message: string,
    /** What that person can do, as a sentence. */
    readonly advice: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
