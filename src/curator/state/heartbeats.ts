// When nodes were last heard from. Kept in the leader's memory only: writing a
// time to etcd for every node every few seconds would be most of its work.
import type { Duration } from "@bufbuild/protobuf/wkt";
import { Node_Health } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";

/** A node that was silent for longer is not healthy. Nodes send every five seconds. */
export const HEARTBEAT_TIMEOUT_MS = 10_000;

/** What is told where there was no heartbeat: the longest Duration there is. */
const NEVER = { seconds: 315_576_000_000n, nanos: 0 };

/** The heartbeats that one leadership has heard. */
export class Heartbeats {
  readonly #last = new Map<string, number>();
  readonly #start: number;
  readonly #clock: () => number;

  /** `clock` gives milliseconds that only grow, such as performance.now. */
  constructor(clock: () => number) {
    this.#clock = clock;
    this.#start = clock();
  }

  /** Notes that a node is alive. */
  record(id: string): void {
    this.#last.set(id, this.#clock());
  }

  /** Forgets a node that is gone. */
  forget(id: string): void {
    this.#last.delete(id);
  }

  /** How long ago a node was heard from. */
  since(id: string): Pick<Duration, "seconds" | "nanos"> {
    const last = this.#last.get(id);
    if (last === undefined) return NEVER;
    const ms = Math.max(0, this.#clock() - last);
    return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: Math.floor((ms % 1_000) * 1e6) };
  }

  /** Whether a node was not heard from for so long, in whatever state it is. */
  isSilent(id: string, ms: number): boolean {
    // A new leader has not heard from those yet that spoke to the last one.
    return this.#clock() - (this.#last.get(id) ?? this.#start) > ms;
  }

  /** The health of a node in a state. */
  health(id: string, state: NodeState): Node_Health {
    if (state !== NodeState.UP) return Node_Health.UNKNOWN;
    const last = this.#last.get(id);
    // A new leader does not know yet who is silent.
    if (last === undefined && this.#isWithin(this.#start)) return Node_Health.UNKNOWN;
    return last !== undefined && this.#isWithin(last)
      ? Node_Health.HEALTHY
      : Node_Health.HEARTBEAT_TIMEOUT;
  }

  #isWithin(time: number): boolean {
    return this.#clock() - time <= HEARTBEAT_TIMEOUT_MS;
  }
}
