// What the node agent stands on: a machine of its own, or a folder on somebody's
// machine, where it is a plain process. All that differs between the two is here;
// everything else of the node does not know which it is.
//
//              machine                          folder
//   network    dhcpcd                           the namespace's own interface
//   time       chrony                           the host's
//   ESP, data  partitions of the boot disk      folders; the key is checked all the same
//   TPM        as there is                      none
//   mesh       WireGuard                        none
//   console    every console of the kernel      console.log in the folder
//   programs   as the table of them says        as much of that as works here
import type { Value } from "../../base/event/event.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { Version } from "../../gen/version/spec/spec_pb.ts";
import type { EtcdProgram } from "../consensus/consensus.ts";
import type { Troubles } from "../control/troubles.ts";
import type { NetworkStatus } from "../network/network.ts";
import type { CuratorProgram } from "../roles/curator.ts";
import type { Paths } from "../storage/paths.ts";
import type { StorageNews } from "../storage/storage.ts";
import { folderHost } from "./folder-host.ts";
import { machineHost } from "./machine-host.ts";
import { parsePlace } from "./place.ts";

/** What the host's parts tell the node. */
export interface HostNews {
  readonly network: Value<NetworkStatus>;
  readonly storage: StorageNews;
  readonly troubles: Troubles;
  /** Set once the node is a member of its cluster. */
  readonly membership: Value<unknown>;
  /** Whether time servers keep the clock. */
  readonly isClockKept: Value<boolean>;
}

/** A machine, or what stands for one. */
export interface Host {
  readonly paths: Paths;
  readonly version: Version;
  /** Another at every start of the host. */
  readonly bootId: string;
  /** Whether it can take part in the encrypted network between nodes. */
  readonly hasMesh: boolean;
  readonly etcd: Omit<EtcdProgram, "unused">;
  readonly curator: CuratorProgram;
  /** The path of etcdutl. */
  readonly etcdutl: string;
  /** Makes ready what has to be there before anything runs. */
  prepare(): void;
  /** From now on, programs of this process start with no more than they may have. */
  confine(log: Logger): Promise<void>;
  /** What a node needs before it belongs anywhere, by DN. */
  parts(news: HostNews): Readonly<Record<string, Runnable>>;
  /** Lets go of the data partition when everything has ended. */
  release(): Promise<void>;
}

/** The host that the arguments of the node agent name; the machine, if none. */
export function hostOf(args: readonly string[]): Host {
  const place = parsePlace(args);
  return place === undefined ? machineHost() : folderHost(place);
}
