// What programs find in their environment: what they are given, and little else.

/** Where programs are, on our nodes and on workstations. */
const SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The whole environment of a child: `given`, on top of a search path and a
 * locale with UTF-8 and English messages.
 *
 * Nothing else is inherited. BUN_* never gets through, not even when given:
 * those variables make our executable run other code (BUN_BE_BUN, BUN_OPTIONS).
 */
export function environment(given: Readonly<Record<string, string>> = {}): Record<string, string> {
  const all = { PATH: process.env.PATH ?? SEARCH_PATH, LANG: "C.UTF-8", ...given };
  return Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith("BUN_")));
}
