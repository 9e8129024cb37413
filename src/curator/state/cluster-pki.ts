// The certificates of the cluster, kept in etcd beside the key of its CA. A
// certificate is issued once and given again to whoever asks for it with the
// same key, until its end comes near.
import { X509Certificate } from "node:crypto";
import type { Compare, Write } from "../../base/etcd/etcd.ts";
import {
  type Issuer,
  issueNode,
  issueUser,
  type Validity,
  validFor,
} from "../../base/pki/certificate.ts";
import { type KeyPair, keyPairFromSeed, rawPublicKey } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { isDue, VALID_DAYS } from "../../base/pki/renewal.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { keys } from "./keys.ts";
import type { LeaderStore } from "./leader-store.ts";

const SEED_BYTES = 32;

/** The name of the CA in the store. */
export const CA = "cluster-ca";

/** A certificate, and what has to be written before it may be given out. */
export interface Emitted {
  readonly certificate: Uint8Array;
  readonly writes: readonly Write[];
  readonly compares: readonly Compare[];
}

/** Reads the CA. Throws failedPrecondition where no cluster was made yet. */
export async function loadCa(store: LeaderStore): Promise<Issuer> {
  const [certificate, key] = await Promise.all([
    store.get(keys.certificate(CA)),
    store.get(keys.privateKey(CA)),
  ]);
  if (certificate === undefined || key === undefined) {
    throw new RpcError(Code.failedPrecondition, "the cluster has no CA yet");
  }
  const keyPair = keyPairFromSeed(key.value.slice(0, SEED_BYTES));
  return { keyPair, certificate: certificate.value };
}

/** The writes that save a new CA. */
export function caWrites({ keyPair, certificate }: Issuer): Write[] {
  return [
    { put: keys.certificate(CA), value: certificate },
    { put: keys.privateKey(CA), value: privateKeyBytes(keyPair) },
  ];
}

/** Existing clusters hold keys as seed and public key in one. */
function privateKeyBytes({ seed, publicKey }: KeyPair): Uint8Array {
  return new Uint8Array(Buffer.concat([seed, publicKey]));
}

/** The certificate of a node. */
export function emitNode(store: LeaderStore, ca: Issuer, publicKey: Uint8Array): Promise<Emitted> {
  const name = `node-${nodeId(publicKey)}`;
  return emit(store, name, publicKey, (validity) => issueNode(ca, publicKey, validity));
}

/** The certificate of a user. Throws failedPrecondition if he had one with another key. */
export function emitUser(
  store: LeaderStore,
  ca: Issuer,
  publicKey: Uint8Array,
  identity: string,
): Promise<Emitted> {
  return emit(store, identity, publicKey, (validity) =>
    issueUser(ca, publicKey, identity, validity),
  );
}

/** The first certificate of another key under a user's name, in the place of what there is. */
export async function replaceUser(
  store: LeaderStore,
  ca: Issuer,
  publicKey: Uint8Array,
  identity: string,
): Promise<Emitted> {
  const key = keys.certificate(identity);
  const existing = await store.get(key);
  const certificate = await issueUser(ca, publicKey, identity, validFor(VALID_DAYS));
  return {
    certificate,
    writes: [{ put: key, value: certificate }],
    compares: [{ key, modRevision: existing?.modRevision ?? 0n }],
  };
}

async function emit(
  store: LeaderStore,
  name: string,
  publicKey: Uint8Array,
  issue: (validity: Validity) => Promise<Uint8Array>,
): Promise<Emitted> {
  const key = keys.certificate(name);
  const existing = await store.get(key);
  if (existing !== undefined) {
    requireKey(existing.value, name, publicKey);
    if (!isDue(existing.value)) {
      return { certificate: existing.value, writes: [], compares: [] };
    }
  }
  const certificate = await issue(validFor(VALID_DAYS));
  return {
    certificate,
    writes: [{ put: key, value: certificate }],
    compares: [{ key, modRevision: existing?.modRevision ?? 0n }],
  };
}

function requireKey(der: Uint8Array, name: string, publicKey: Uint8Array): void {
  const present = rawPublicKey(new X509Certificate(der).publicKey);
  if (Buffer.compare(present, publicKey) === 0) return;
  throw new RpcError(Code.failedPrecondition, `certificate ${name} belongs to another key`);
}
