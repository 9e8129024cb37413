// How a node becomes part of a cluster, as a state machine without any I/O: it is
// told what was found and what succeeded, and says what to do next.
//
//            found                                    commit point
//   start ─────────► bootstrap: storage → consensus → cluster → commit ─┐
//     │                                                                 ├→ open → finish → done
//     └────────────► join:      unseal → unlock → consensus ────────────┘
//
// The sealed configuration on the ESP decides between the two. Bootstrap writes it
// last, when all that it leads to is on the disk: a power cut before makes the next
// boot start over with new keys, a power cut after makes it join. Nothing that a
// bootstrap did before its commit point is ever used again.

/** What lies on the ESP, and what the machine is to become. */
export interface Findings {
  readonly hasSealedConfiguration: boolean;
  readonly hasRecovery: boolean;
  readonly parameters: "none" | "bootstrap" | "register";
}

/** Something to do; each is done to its end before the machine is asked again. */
export type Step =
  /** End what an earlier attempt of this boot left, then look around. */
  | "inspect"
  /** Make keys, and the data partition anew. */
  | "storage"
  /** Open the sealed configuration and get the other half of the key. */
  | "unseal"
  /** Open the data partition there is. */
  | "unlock"
  /** Start etcd and the curator. */
  | "consensus"
  /** Make the state of the new cluster, and keep the credentials it gives. */
  | "cluster"
  /** Write the sealed configuration. */
  | "commit"
  /** Open the control plane to the network. */
  | "open"
  /** Erase the node parameters, and tell the boot loader that this system works. */
  | "finish";

/** What happened. */
export type Event =
  | { readonly kind: "found"; readonly findings: Findings }
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly reason: string; readonly advice?: string };

/** Where enrolment stands. */
export type State =
  | { readonly kind: "inspecting" }
  | { readonly kind: "working"; readonly flow: Flow; readonly step: Step }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly reason: string };

type Flow = "bootstrap" | "join";

/** What to log, by severity. */
export interface Note {
  readonly severity: "info" | "error";
  readonly text: string;
}

/** The answer to an event. */
export interface Transition {
  readonly state: State;
  /** Absent when it is over. */
  readonly step?: Step;
  readonly notes: readonly Note[];
}

const flows: Readonly<Record<Flow, readonly Step[]>> = {
  bootstrap: ["storage", "consensus", "cluster", "commit", "open", "finish"],
  join: ["unseal", "unlock", "consensus", "open", "finish"],
};

const titles: Readonly<Record<Flow, string>> = { bootstrap: "Bootstrapping", join: "Joining" };

/** What a step is called in the log. The first two are the handbook's words. */
const descriptions: Readonly<Record<Step, string>> = {
  inspect: "looking at the ESP...",
  storage: "mounting new storage...",
  unseal: "unsealing the node's configuration...",
  unlock: "mounting storage...",
  consensus: "starting consensus...",
  cluster: "creating the cluster...",
  commit: "sealing the node's configuration...",
  open: "opening the control plane...",
  finish: "cleaning up...",
};

/** What a person can do when a step fails for a reason that gives no advice itself. */
const advices: Partial<Record<Step, string>> = {
  unseal:
    "Restore the firmware settings under which the node was installed, above all Secure Boot, " +
    "and use the machine whose disk this is; or install the node again",
  unlock: "The disk may be damaged or changed; install the node again",
};

const TRYING_AGAIN = "Trying again; if this goes on, look for the first error above";

/** How enrolment begins. */
export function begin(): Transition {
  return { state: { kind: "inspecting" }, step: "inspect", notes: [] };
}

/** What follows from an event. */
export function next(state: State, event: Event): Transition {
  switch (state.kind) {
    case "inspecting":
      if (event.kind === "found") return choose(event.findings);
      if (event.kind === "failed") return fail(event.reason, event.advice ?? TRYING_AGAIN);
      return unexpected(state, event);
    case "working":
      if (event.kind === "succeeded") return advance(state.flow, state.step);
      if (event.kind === "failed") return failIn(state.step, event.reason, event.advice);
      return unexpected(state, event);
    default:
      return unexpected(state, event);
  }
}

function choose({ hasSealedConfiguration, hasRecovery, parameters }: Findings): Transition {
  if (hasSealedConfiguration && hasRecovery) return enter("join", flows.join[0]);
  if (hasSealedConfiguration) {
    // Written before the sealed configuration, so somebody took it away.
    return fail("recovery.pb is missing on the ESP", "Put it back, or install the node again");
  }
  switch (parameters) {
    case "bootstrap":
      return enter("bootstrap", flows.bootstrap[0]);
    case "register":
      return fail(
        "this release cannot register nodes with an existing cluster yet",
        "Write the installation medium with --bootstrap to make a cluster of its own",
      );
    case "none":
      return fail("there are no node parameters", "Install the node again with metroctl's medium");
    default:
      throw new TypeError(`parameters of kind ${String(parameters satisfies never)}`);
  }
}

function enter(flow: Flow, step: Step | undefined): Transition {
  if (step === undefined) {
    const notes = [{ severity: "info", text: `${titles[flow]}: done` }] as const;
    return { state: { kind: "done" }, notes };
  }
  const text = `${titles[flow]}: ${descriptions[step]}`;
  return { state: { kind: "working", flow, step }, step, notes: [{ severity: "info", text }] };
}

function advance(flow: Flow, step: Step): Transition {
  const steps = flows[flow];
  return enter(flow, steps[steps.indexOf(step) + 1]);
}

function failIn(step: Step, reason: string, advice: string | undefined): Transition {
  return fail(`${descriptions[step].replace("...", "")}: ${reason}`, advice ?? advices[step]);
}

function fail(reason: string, advice = TRYING_AGAIN): Transition {
  const text = `The node cannot start: ${reason}. ${advice}`;
  return { state: { kind: "failed", reason }, notes: [{ severity: "error", text }] };
}

function unexpected(state: State, event: Event): never {
  throw new TypeError(`enrolment in state ${state.kind} was told ${event.kind}`);
}
