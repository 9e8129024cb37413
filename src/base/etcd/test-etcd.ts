// A real etcd of one member for tests, on unix sockets in a folder of its own.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../event/event.ts";
import { type Child, startChild } from "../process/process.ts";
import { type Channel, connect } from "../rpc/rpc.ts";
import { etcdMembers } from "./members.ts";

/** The binary that the build leaves in its cache. */
function binary(): string {
  const { METROPOLIS_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = METROPOLIS_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "metropolis");
  return join(cache, "out/etcd");
}

/** Tests need the real etcd, and it is not built. */
export class EtcdMissingError extends Error {
  override readonly name = "EtcdMissingError";
}

/** A running etcd. */
export class TestEtcd implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "etcd-"));
  readonly #quotaBytes: number;
  #child: Child;
  readonly channel: Channel;

  /** With a quota of its database; 0: etcd's own. */
  constructor(quotaBytes = 0) {
    this.#quotaBytes = quotaBytes;
    if (!existsSync(binary())) {
      throw new EtcdMissingError(`no ${binary()}: run \`bun build.ts etcd\` first`);
    }
    this.#child = this.#spawn();
    this.channel = connect({ target: this.target, credentials: "plain" });
  }

  /** What to connect to. */
  get target(): string {
    return `unix:${join(this.#folder, "client.sock")}`;
  }

  #spawn(): Child {
    const client = join(this.#folder, "client.sock");
    const peers = "http://127.0.0.1:1";
    const flags = {
      name: "test",
      "data-dir": join(this.#folder, "data"),
      "listen-client-urls": `unix://${client}`,
      "advertise-client-urls": "unix://client.sock:0",
      // A lonely member talks to no peer, but insists on an address for them.
      "listen-peer-urls": `unix://${join(this.#folder, "peer.sock")}`,
      "initial-advertise-peer-urls": peers,
      "initial-cluster": `test=${peers}`,
      "quota-backend-bytes": String(this.#quotaBytes),
      "grpc-keepalive-min-time": "1s",
      "log-level": "error",
    };
    const argv = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    // Tests do not outlive a power cut, so waiting for the disk proves nothing.
    argv.push("--unsafe-no-fsync");
    return startChild([binary(), ...argv], { env: {}, log: join(this.#folder, "log") });
  }

  /** Resolves when it answers. */
  async ready(): Promise<this> {
    const members = etcdMembers(this.channel);
    for (let attempt = 0; ; attempt++) {
      try {
        if ((await members.status()).leader !== 0n) return this;
      } catch (error) {
        if (attempt > 200 || !this.#child.isAlive()) throw error;
      }
      await sleep(50);
    }
  }

  /** Dies without a word. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  /** Starts again on the same data. */
  start(): void {
    // Left over from the kill, and in the way of the next one.
    for (const name of ["client.sock", "peer.sock"]) {
      rmSync(join(this.#folder, name), { force: true });
    }
    this.#child = this.#spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.close();
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A new, empty etcd that answers. */
export async function testEtcd(quotaBytes = 0): Promise<TestEtcd> {
  return new TestEtcd(quotaBytes).ready();
}
