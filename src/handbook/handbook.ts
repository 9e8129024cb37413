// The handbook, chapter by chapter, embedded in the executable: what
// `metroctl handbook` prints. The chapters are the Markdown files beside this.

/** A chapter of the handbook. */
export interface Chapter {
  readonly title: string;
  /** Markdown. */
  readonly text: string;
}

/** All chapters, in reading order. */
export const chapters: readonly Chapter[] = [];
