// The epoch of this release: it rises when an older release must not open any more what nodes have
// sealed, because it has a hole.
//
// A release is signed for its own epoch and all before it, so that it opens what those sealed. What
// is sealed for an epoch opens for no release of an earlier one.

/** The epoch that this release belongs to. */
export const EPOCH = 1;

/** What a policy for an epoch is signed under. */
export function epochReference(epoch: number): string {
  return `metropolis epoch ${epoch}`;
}

/** All epochs that a release of this one is signed for. */
export function epochsUpTo(newest: number): readonly number[] {
  return Array.from({ length: newest }, (_, index) => index + 1);
}
