// etcd as the rest of the house sees it: a `Store` of keys with transactions,
// watches and leases, either the real one over gRPC or one in memory for
// tests; a watch that survives lost connections; elections; and the members.
export {
  type CampaignOptions,
  campaign,
  type Leadership,
  LeadershipLostError,
  leaderOf,
} from "./election.ts";
export { etcdStore } from "./etcd-store.ts";
export { applyUpdate, type FollowOptions, follow, type Update } from "./follow.ts";
export {
  etcdMembers,
  type Member,
  type MemberStatus,
  type Members,
  type Snapshot,
} from "./members.ts";
export { memoryStore } from "./memory-store.ts";
export {
  CompactedError,
  type Compare,
  type EventBatch,
  type KeyValue,
  type Listing,
  namespaced,
  type Outcome,
  type ReadOptions,
  type Store,
  type StoreEvent,
  type Write,
} from "./store.ts";
