// When this release was made, more or less: no clock can be right that says it is earlier.

/** Raised with each release. Earlier than the truth does no harm, later would. */
export const RELEASED: Date = new Date("2026-11-01T00:00:00Z");
