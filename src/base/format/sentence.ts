// Sentences that stand alone in one place, and inside another sentence elsewhere.

/** The text with a capital letter at its beginning. */
export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
