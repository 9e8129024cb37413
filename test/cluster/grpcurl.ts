// grpcurl as everybody has it: the program that lists, describes and calls the services of any
// gRPC server by reflection. It is built of Go modules whose versions and hashes are in grpcurl/,
// and kept where the build keeps its results; nothing but tests uses it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environment, run } from "../../src/base/process/process.ts";
import { runGraph } from "../../src/image/build/graph.ts";
import { host } from "../../src/image/build/host.ts";
import type { Stage } from "../../src/image/build/stage.ts";
import type { Machine } from "../../src/launcher/launcher.ts";
import { inNetworkOf } from "./inside.ts";
import { cache } from "./support.ts";

const MODULE = join(import.meta.dir, "grpcurl");
const PACKAGE = "github.com/fullstorydev/grpcurl/cmd/grpcurl";
const ENVIRONMENT = { CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" };
/** Nothing here takes longer; a stream that stays open is ended. */
const SECONDS = "10";

const stage: Stage = {
  name: "grpcurl",
  summary: "grpcurl, from Go modules, for tests",
  needs: [],
  code: import.meta.path,
  programs: { go: "go" },
  async inputs() {
    const texts = ["go.mod", "go.sum"].map((name) => readFileSync(join(MODULE, name), "utf8"));
    return [await host(["go", "version"], { cwd: MODULE }), ...texts];
  },
  async make({ folder }) {
    const flags = ["-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", join(folder, "grpcurl")];
    await host(["go", "build", ...flags, PACKAGE], { cwd: MODULE, env: ENVIRONMENT });
  },
};

/** Builds the program, unless it is there; gives its path. */
export async function buildGrpcurl(): Promise<string> {
  const results = await runGraph([stage], [stage.name], { cache });
  return join(results.get(stage.name)?.folder ?? "", "grpcurl");
}

/** Who calls, and how he knows the server. */
export interface Caller {
  /** Who calls, and the cluster's CA where he knows it, in PEM; absent: he shows nothing. */
  readonly proof?: {
    readonly certificate: string;
    readonly key: string;
    readonly ca?: string;
  };
  /** The node whose certificate the server must have; absent: any certificate will do. */
  readonly nodeId?: string;
}

/** A person with grpcurl in the network of a machine. */
export class Grpcurl {
  readonly #argv: readonly string[];
  readonly #machine: Machine;

  /** `folder` is for his files. */
  constructor(program: string, machine: Machine, folder: string, { proof, nodeId }: Caller) {
    this.#machine = machine;
    mkdirSync(folder, { recursive: true });
    const files = Object.entries(proof ?? {}).map(([name, pem]) => {
      writeFileSync(join(folder, name), pem, { mode: 0o600 });
      return [
        name === "ca" ? "-cacert" : `-${name.replace("certificate", "cert")}`,
        join(folder, name),
      ];
    });
    const server = nodeId === undefined ? ["-insecure"] : ["-servername", nodeId];
    this.#argv = [program, "-max-time", SECONDS, ...files.flat(), ...server];
  }

  /** Runs it, and gives what it prints; throws an ExitError with its reason where it fails. */
  async run(...words: readonly string[]): Promise<string> {
    const argv = inNetworkOf(this.#machine, [...this.#argv, ...words]);
    return (await run(argv, { env: environment() })).text;
  }

  /** Calls a method with a request as JSON; gives the answers. */
  async call(server: string, method: string, request: unknown = {}): Promise<readonly unknown[]> {
    const text = await this.run("-d", JSON.stringify(request), server, method);
    // One after the other, each over several lines that begin at its braces.
    return text.split(/^(?=\{)/m).map((answer) => JSON.parse(answer));
  }
}
