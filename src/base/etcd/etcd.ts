// etcd as the rest of the house sees it: a `Store` of keys with transactions,
// watches and leases, either the real one over gRPC or one in memory for
// tests.
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
