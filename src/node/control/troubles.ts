// What is wrong with this machine, in sentences for whoever operates it. Each part of the node
// says what it has found, and takes it back when it is over.
import { Value } from "../../base/event/event.ts";

/** A status has room for so much. */
const MOST = 3;
const MOST_CHARACTERS = 200;

/** All of it. */
export class Troubles {
  /** For the status that the cluster is told. */
  readonly all = new Value<readonly string[]>([]);
  readonly #byPart = new Map<string, readonly string[]>();

  /** Replaces what a part has said before. */
  note(part: string, sentences: readonly string[]): void {
    const before = this.#byPart.get(part) ?? [];
    if (before.join("\n") === sentences.join("\n")) return;
    this.#byPart.set(part, sentences);
    const all = [...this.#byPart.values()].flat();
    this.all.set(all.slice(0, MOST).map((text) => text.slice(0, MOST_CHARACTERS)));
  }
}
