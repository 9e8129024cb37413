// What a thief finds on the disk of a member where no TPM guards it: its keys, and what it
// holds of recovery epochs. The worst case of every theft in which a TPM gives way.
import { copyFileSync, readFileSync } from "node:fs";
import { Value } from "../../src/base/event/event.ts";
import { selfSigned } from "../../src/base/pki/certificate.ts";
import { certificatePem, privateKeyPem } from "../../src/base/pki/keys.ts";
import { connect, RpcError } from "../../src/base/rpc/rpc.ts";
import { Recovery } from "../../src/gen/metropolis/node/core/recovery/recovery_pb.ts";
import type { Machine } from "../../src/launcher/launcher.ts";
import { type NodeSecrets, unsealSecrets } from "../../src/node/enrolment/keyring.ts";
import { folderPartition } from "../../src/node/host/folder-partition.ts";
import { EpochFile } from "../../src/node/recovery/epoch-file.ts";
import { held } from "../../src/node/recovery/lock.ts";
import type { LockedEpoch } from "../../src/node/recovery/locked-key.ts";
import { RECOVERY_PORT } from "../../src/node/recovery/recovery.ts";
import { dataPassphrase } from "../../src/node/storage/keys.ts";
import { paths } from "../../src/node/storage/paths.ts";
import { Vault } from "../../src/node/storage/vault.ts";

/** The disk of one member. */
export class MemberDisk {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  get #paths() {
    return paths(this.#machine.files.directory);
  }

  /** Its half of the key of its data partition, and the key it proves while it is locked. */
  secrets(): Promise<NodeSecrets> {
    const { esp, ephemeral } = this.#paths;
    const vault = new Vault(undefined, ephemeral.keys);
    return unsealSecrets(vault, readFileSync(esp.sealedConfiguration));
  }

  /** What recovery.pb holds, or a copy of it from another day. */
  async epochs(file = this.#paths.esp.recovery): Promise<readonly LockedEpoch[]> {
    const own = await this.secrets();
    const owner = { ...own, joinKey: own.join.publicKey };
    const content = await new EpochFile(file, owner, new Value<Uint8Array>()).read();
    return held(own.nodeId, content).epochs;
  }

  /** Takes a copy of recovery.pb. */
  copyRecovery(to: string): void {
    copyFileSync(this.#paths.esp.recovery, to);
  }

  /** Puts a copy of recovery.pb back. */
  putBack(copy: string): void {
    copyFileSync(copy, this.#paths.esp.recovery);
  }

  /** Whether a cluster unlock key, with the node's half, opens the data partition. */
  async opens(clusterUnlockKey: Uint8Array): Promise<boolean> {
    const { nodeUnlockKey } = await this.secrets();
    const { root } = this.#paths.data;
    const partition = folderPartition(root, `${root}.key-check`);
    return partition.opens(dataPassphrase(nodeUnlockKey, clusterUnlockKey));
  }
}

/** Asks a locked member for its share, as the holder of a join key; undefined if it refuses. */
export async function askShare(
  thief: NodeSecrets,
  { address }: Machine,
  proxy: string,
  epoch: bigint,
): Promise<Uint8Array | undefined> {
  using channel = connect({
    target: `${address}:${RECOVERY_PORT}`,
    proxy,
    credentials: {
      keyPem: privateKeyPem(thief.join),
      certificatePem: certificatePem(await selfSigned(thief.join)),
      verify: () => {},
    },
  });
  try {
    return (await channel.client(Recovery).getShare({ epoch }, { timeoutMs: 10_000 })).share;
  } catch (error) {
    if (error instanceof RpcError) return undefined;
    throw error;
  }
}
