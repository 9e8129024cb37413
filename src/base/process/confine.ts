// Who may start what, and as what: one function, set once by whoever puts a program of ours
// together, that every start goes through. So no caller can forget it, and a program that nobody has
// thought about does not start at all where the function refuses it.
import type { StartOptions } from "./group.ts";

/** Changes how a program is started, or throws because it must not be. */
export type Confine = (program: string, options: StartOptions) => StartOptions;

let confine: Confine = (_, options) => options;

/** From now on every program is started as `next` says. */
export function confineStarts(next: Confine): void {
  confine = next;
}

/** How a program of that name is started. */
export function confined(program: string, options: StartOptions): StartOptions {
  return confine(program, options);
}
