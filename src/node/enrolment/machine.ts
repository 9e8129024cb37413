// How a node becomes part of a cluster, as a state machine without any I/O: it is
// told what was found and what succeeded, and says what to do next.
//
//            found                                               commit point
//   start ─┬─► bootstrap: storage → shut → consensus → cluster ───────► commit ─┐
//          ├─► restore:   storage → shut → backup → consensus → cluster ► commit ─┤
//          ├─► register:  keys → shut → register → storage → approval ─► commit ─┤
//          └─► join:      unseal → shut → key → unlock ──────────────────────────┤
//                                              done ◄── finish ◄── open ◄── clean ┘
//
// From `shut` on nobody can open the keys on the ESP in this boot. It comes before anything
// that speaks with others, or runs what others want; after a failure as well.
//
// The sealed configuration on the ESP decides between join and the others, which
// write it last, when all that it leads to is on the disk: a power cut before makes
// the next boot start over, a power cut after makes it join.
//
// A bootstrap starts over with new keys: nobody knows the old ones. A machine that
// registers keeps its keys on the ESP, sealed, because the cluster knows it by them;
// all else is made anew, and the cluster answers every step as it did before.

/** What lies on the ESP, and what the machine is to become. */
export interface Findings {
  readonly hasSealedConfiguration: boolean;
  readonly parameters: "none" | "bootstrap" | "restore" | "register";
}

/** Something to do; each is done to its end before the machine is asked again. */
export type Step =
  /** End what an earlier attempt of this boot left, then look around. */
  | "inspect"
  /** Make keys, and the data partition anew. */
  | "storage"
  /** Make the keys of a machine that registers, or find those of an earlier boot. */
  | "keys"
  /** Ask the cluster for admission. */
  | "register"
  /** Wait until an operator approves, and become a member. */
  | "approval"
  /** Open the sealed configuration. */
  | "unseal"
  /** Let nobody open sealed keys in this boot any more. */
  | "shut"
  /** Get the cluster's half of the key. */
  | "key"
  /** Open the data partition there is. */
  | "unlock"
  /** Wait for an operator to bring a backup, and take it in. */
  | "backup"
  /** Start etcd and the curator. */
  | "consensus"
  /** Make the state of the new cluster, and keep the credentials it gives. */
  | "cluster"
  /** Write the sealed configuration. */
  | "commit"
  /** Erase what only enrolment needed. */
  | "clean"
  /** Be a member, and serve what its roles demand. */
  | "open"
  /** Tell the boot loader that this system works. */
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

type Flow = "bootstrap" | "restore" | "register" | "join";

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

const LAST = ["clean", "open", "finish"] as const;

const flows: Readonly<Record<Flow, readonly Step[]>> = {
  bootstrap: ["storage", "shut", "consensus", "cluster", "commit", ...LAST],
  restore: ["storage", "shut", "backup", "consensus", "cluster", "commit", ...LAST],
  register: ["keys", "shut", "register", "storage", "approval", "commit", ...LAST],
  join: ["unseal", "shut", "key", "unlock", ...LAST],
};

const titles: Readonly<Record<Flow, string>> = {
  bootstrap: "Bootstrapping",
  restore: "Restoring",
  register: "Registering",
  join: "Joining",
};

/** What a step is called in the log. The first two are the handbook's words. */
const descriptions: Readonly<Record<Step, string>> = {
  inspect: "looking at the ESP...",
  storage: "mounting new storage...",
  backup: "waiting for a backup...",
  keys: "making keys...",
  register: "asking the cluster for admission...",
  approval: "waiting for approval...",
  key: "getting the key from the cluster...",
  unseal: "unsealing the node's configuration...",
  unlock: "mounting storage...",
  shut: "locking the keys away...",
  consensus: "starting consensus...",
  cluster: "creating the cluster...",
  commit: "sealing the node's configuration...",
  clean: "cleaning up...",
  open: "starting services...",
  finish: "keeping this version...",
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

function choose({ hasSealedConfiguration, parameters }: Findings): Transition {
  if (hasSealedConfiguration) return enter("join", flows.join[0]);
  switch (parameters) {
    case "bootstrap":
    case "restore":
    case "register":
      return enter(parameters, flows[parameters][0]);
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
