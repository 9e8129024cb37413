// Every path of the node's three file systems, by name: the ESP, the data
// partition, and what lives in memory only. Whoever writes a file finds it here,
// so each has one owner and no path is spelled twice. The root is an argument,
// so that tests and nodes that are plain processes have a tree of their own.
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ESP_PATHS } from "../../image/image.ts";

/** The ESP: readable to anyone who has the disk. Nothing on it is secret without the TPM. */
export interface EspPaths {
  readonly root: string;
  /** The images that systemd-boot chooses from. */
  readonly images: string;
  /** Our own files. */
  readonly metropolis: string;
  /** NodeParameters, until enrolment is through. */
  readonly parameters: string;
  /** ExtendedSealedBytes of SealedConfiguration: its presence is the commit point of enrolment. */
  readonly sealedConfiguration: string;
  /** ExtendedSealedBytes of PendingRegistration, while the node is about to become a member. */
  readonly registration: string;
  /** Recovery. */
  readonly recovery: string;
  /** ClusterDirectory. */
  readonly clusterDirectory: string;
  /** When the clock was last believed, as text. */
  readonly clock: string;
  /** osbase.net.proto.Net, when the network was configured by hand. */
  readonly networkConfiguration: string;
}

/** A folder with a key and its certificates. */
export interface CredentialPaths {
  readonly root: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Who may read them besides us, as a group; absent: nobody. */
  readonly group?: number;
}

/** The data partition. */
export interface DataPaths {
  readonly root: string;
  readonly etcd: string;
  /** What etcd itself writes. */
  readonly etcdData: string;
  /** With which members of etcd know each other. */
  readonly etcdPeer: CredentialPaths;
  /** DER: whose certificates etcd must not accept any more. */
  readonly etcdRevocations: string;
  /** With which the node itself is known to etcd; certificates of the same CA. */
  readonly etcdClient: CredentialPaths;
  readonly node: string;
  /** The node's identity in its cluster. */
  readonly credentials: CredentialPaths;
  /** Commitment: whether the cluster counts on this node's TPM. */
  readonly commitment: string;
  /** NodeRoles as last heard, so that a cold cluster can start without asking. */
  readonly roles: string;
  /** The public key of the cluster's owner as last heard: no other user is let in. */
  readonly owner: string;
  /** The node's private key in the encrypted network. */
  readonly meshKey: string;
}

/** What is gone when the machine is off. */
export interface EphemeralPaths {
  readonly root: string;
  readonly curatorSocket: string;
  /** Where etcd serves the curator of this node. */
  readonly etcdSocket: string;
  readonly machineId: string;
  /** What was unsealed in this boot, for root alone; see vault.ts. */
  readonly keys: string;
  /** Names of the cluster's nodes; /etc/hosts leads here. */
  readonly hosts: string;
}

/** All of them. */
export interface Paths {
  readonly esp: EspPaths;
  readonly data: DataPaths;
  readonly ephemeral: EphemeralPaths;
}

function credentials(root: string, group?: number): CredentialPaths {
  return {
    ...{ root, ...(group !== undefined && { group }) },
    ca: join(root, "ca.pem"),
    certificate: join(root, "cert.pem"),
    key: join(root, "cert-key.pem"),
  };
}

function espPaths(root: string): EspPaths {
  return {
    root,
    images: join(root, ESP_PATHS.kernels),
    metropolis: join(root, ESP_PATHS.state),
    parameters: join(root, ESP_PATHS.parameters),
    sealedConfiguration: join(root, ESP_PATHS.sealedConfiguration),
    registration: join(root, ESP_PATHS.registration),
    recovery: join(root, ESP_PATHS.recovery),
    clusterDirectory: join(root, ESP_PATHS.clusterDirectory),
    clock: join(root, ESP_PATHS.clock),
    networkConfiguration: join(root, ESP_PATHS.networkConfiguration),
  };
}

function dataPaths(root: string, { curatorGroup }: Readers): DataPaths {
  const etcd = join(root, "etcd");
  const node = join(root, "node");
  return {
    root,
    etcd,
    etcdData: join(etcd, "data"),
    etcdPeer: credentials(join(etcd, "peer_pki")),
    etcdRevocations: join(etcd, "peer_pki", "revocations.der"),
    etcdClient: credentials(join(node, "etcd_client")),
    node,
    credentials: credentials(join(node, "credentials"), curatorGroup),
    commitment: join(node, "commitment.pb"),
    roles: join(node, "roles.pb"),
    owner: join(node, "owner.key"),
    meshKey: join(node, "clusternet.key"),
  };
}

/** Programs that read what is ours; absent where all programs are one user. */
export interface Readers {
  readonly curatorGroup?: number;
}

/** The paths below `root`, which is `/` on a machine. */
export function paths(root = "/", readers: Readers = {}): Paths {
  const ephemeral = join(root, "ephemeral");
  return {
    esp: espPaths(join(root, "esp")),
    data: dataPaths(join(root, "data"), readers),
    ephemeral: {
      root: ephemeral,
      curatorSocket: join(root, "run/metropolis/curator/curator.sock"),
      etcdSocket: join(root, "run/metropolis/etcd/etcd.sock"),
      machineId: join(ephemeral, "machine-id"),
      keys: join(ephemeral, "keys"),
      hosts: join(ephemeral, "names/hosts"),
    },
  };
}

/** Folders that only root may look into; etcd's own are made where etcd is started. */
const PRIVATE = 0o700;

/** To be passed through, by those who may read something further down. */
const PASSAGE = 0o711;

/** What is made in such a folder belongs to the folder's group, from its first moment on. */
const SHARED = 0o2750;

/** Mode of the files in a folder of credentials. */
export function credentialMode({ group }: CredentialPaths): number {
  return group === undefined ? 0o600 : 0o640;
}

/** Makes a folder of credentials; does nothing where it is. */
export function makeCredentialFolder({ root, group }: CredentialPaths): void {
  mkdirSync(root, { recursive: true, mode: PRIVATE });
  if (group === undefined) return;
  chownSync(root, 0, group);
  chmodSync(root, SHARED);
}

/** Makes the folders of a mounted data partition; does nothing where they are. */
export function makeDataTree({ data }: Paths): void {
  const { etcd, etcdPeer, node, etcdClient, credentials } = data;
  for (const path of [etcd, data.etcdData, etcdPeer.root, node]) {
    mkdirSync(path, { recursive: true, mode: PRIVATE });
  }
  if (credentials.group !== undefined) chmodSync(node, PASSAGE);
  for (const each of [etcdClient, credentials]) makeCredentialFolder(each);
}
