// Enrolment: the node becomes part of a cluster. machine.ts decides; bootstrap.ts,
// register.ts and join.ts do; here the two are brought together.
//
//   events ──► machine ──► step ──► bootstrap, register or join
//      ▲                                  │
//      └──────── succeeded, failed ◄──────┘
import { statSync } from "node:fs";
import { errorText } from "../../base/logtree/logtree.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { NodeParameters } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import { SealError } from "../storage/sealed.ts";
import type { Ground, StorageNews } from "../storage/storage.ts";
import { release, type Steps, type Surroundings } from "./attempt.ts";
import { bootstrapSteps } from "./bootstrap.ts";
import { EnrolmentError } from "./enrolment-error.ts";
import { joinSteps } from "./join.ts";
import { begin, type Event, type Findings, next, type Step, type Transition } from "./machine.ts";
import { FIRMWARE_PARAMETERS, readParameters } from "./parameters.ts";
import { registerSteps } from "./register.ts";
import { restoreSteps } from "./restore.ts";

/** What enrolment needs besides what it makes itself. */
export type EnrolmentOptions = Omit<
  Surroundings,
  keyof Ground | "growing" | "mounted" | "log" | "signal"
> & {
  readonly storage: StorageNews;
  /** Where node parameters may come from, best first, before the ESP. */
  readonly parameterSources?: readonly string[];
};

/** What was found, and the steps that it leads to. */
interface Found {
  readonly findings: Findings;
  readonly steps: Steps;
}

/** Enrols the node; done when it is a member that works. */
export function enrolment(options: EnrolmentOptions): Runnable {
  return async (context) => {
    const { signal, log, healthy, done } = context;
    const ground = await options.storage.ground.first(signal);
    const { growing, mounted } = options.storage;
    const { parameterSources = [FIRMWARE_PARAMETERS] } = options;
    const all = { ...options, ...ground, growing, mounted, log, signal };
    await new Enrolment(all, parameterSources).run();
    healthy();
    done();
  };
}

/** One attempt, from its beginning to membership or failure. */
class Enrolment {
  readonly #all: Surroundings;
  readonly #sources: readonly string[];
  #steps: Steps = {};

  constructor(all: Surroundings, sources: readonly string[]) {
    this.#all = all;
    this.#sources = sources;
  }

  async run(): Promise<void> {
    let transition = begin();
    while (transition.step !== undefined) {
      this.#note(transition);
      const event = await this.#perform(transition.step);
      transition = next(transition.state, event);
    }
    this.#note(transition);
    const { state } = transition;
    // Who knows what comes next on this machine: the keys are not for it.
    if (state.kind === "failed") await this.#all.vault.shut();
    // The supervisor tries again after a pause: a TPM may wake up, a person may change a setting.
    if (state.kind === "failed") throw new EnrolmentError(state.reason, "");
  }

  #note({ notes }: Transition): void {
    for (const { severity, text } of notes) this.#all.log[severity](text);
  }

  async #perform(step: Step): Promise<Event> {
    try {
      if (step === "inspect") return { kind: "found", findings: await this.#inspect() };
      const work = this.#steps[step];
      if (work === undefined) throw new TypeError(`nobody knows the step ${step}`);
      await work();
      return { kind: "succeeded" };
    } catch (error) {
      this.#all.signal.throwIfAborted();
      const reason = errorText(error);
      return error instanceof EnrolmentError || error instanceof SealError
        ? { kind: "failed", reason, advice: error.advice }
        : { kind: "failed", reason };
    }
  }

  async #inspect(): Promise<Findings> {
    await release(this.#all);
    const { findings, steps } = await inspect(this.#all, this.#sources);
    this.#steps = steps;
    return findings;
  }
}

/** An empty file is a rename on FAT that a power cut interrupted: as good as none. */
function hasContent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

async function inspect(all: Surroundings, sources: readonly string[]): Promise<Found> {
  const { esp } = all.paths;
  const hasSealedConfiguration = hasContent(esp.sealedConfiguration);
  if (hasSealedConfiguration) {
    const findings = { hasSealedConfiguration, parameters: "none" } as const;
    return { findings, steps: joinSteps(all) };
  }
  const parameters = await readParameters([...sources, esp.parameters]);
  const kind = parametersKind(parameters);
  const findings = { hasSealedConfiguration, parameters: kind };
  return { findings, steps: stepsOf(all, parameters) };
}

function stepsOf(all: Surroundings, parameters: NodeParameters | undefined): Steps {
  switch (parameters?.cluster.case) {
    case "clusterBootstrap":
      return parameters.cluster.value.restore
        ? restoreSteps(all, parameters.cluster.value)
        : bootstrapSteps(all, parameters.cluster.value);
    case "clusterRegister":
      return registerSteps(all, parameters.cluster.value);
    default:
      return {};
  }
}

function parametersKind(parameters: NodeParameters | undefined): Findings["parameters"] {
  switch (parameters?.cluster.case) {
    case "clusterBootstrap":
      return parameters.cluster.value.restore ? "restore" : "bootstrap";
    case "clusterRegister":
      return "register";
    default:
      return "none";
  }
}
