// Somebody passes for the leader to an operator's metroctl: a node gone bad, or one that was
// deleted, while the members are cut off. He wants the operator to throw the owner's key away for
// one that owns nothing, and so to lose the cluster; or to keep a certificate that is of no use.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { issueCa, issueNode, issueUser, validFor } from "../../src/base/pki/certificate.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { contextFiles } from "../../src/metroctl/session/context.ts";
import { finishRotation } from "../../src/metroctl/session/next-owner.ts";
import {
  ensureOwnerKey,
  loadOwnerKey,
  ownerCredentials,
} from "../../src/metroctl/session/owner.ts";
import { renewedCredentials } from "../../src/metroctl/session/renew-owner.ts";
import { rotateOwner } from "../../src/metroctl/session/rotate-owner.ts";
import { takeOwnership } from "../../src/metroctl/session/take-ownership.ts";
import { TestControlPlane } from "../../src/metroctl/test-control-plane.ts";

const DAY_MS = 86_400_000;
const REFUSED = "no certificate of the cluster's CA for the owner's key";

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterEach(() => plane[Symbol.asyncDispose]());

const own = () => loadOwnerKey(plane.context)?.publicKey;
const way = () => ({ ca: plane.ca, reach: () => ({ endpoints: [plane.endpoint] }) });
const args = () => ({ config: plane.context.path, context: "default" });

/** What he can answer who does not have the CA's key; `next` is the key that it should be for. */
const answers: Readonly<Record<string, (next: Uint8Array) => Promise<Uint8Array> | Uint8Array>> = {
  "what is no certificate": () => new Uint8Array(100),
  "one of a CA of his own": async (next) => {
    const keyPair = generateKeyPair();
    const ca = { keyPair, certificate: await issueCa(keyPair) };
    return issueUser(ca, next, "owner", validFor(730));
  },
  "his own": (next) => issueNode(plane.issuer, next, validFor(730)),
  "the owner's, for another key": () =>
    issueUser(plane.issuer, generateKeyPair().publicKey, "owner", validFor(730)),
};

test.each(Object.keys(answers))(
  "an owner whose key is replaced by a false leader, with %s, keeps both keys",
  async (name) => {
    const before = own();
    const next = ensureOwnerKey(plane.context, contextFiles.nextOwnerKey);
    // It is not the owner's, by the word of this leader either: so the rotation is asked for.
    plane.isForeign = true;
    plane.forged = await answers[name]?.(next.publicKey);
    await expect(rotateOwner(args())).rejects.toThrow(REFUSED);
    expect(own()).toEqual(before);
    expect(loadOwnerKey(plane.context, contextFiles.nextOwnerKey)).toEqual(next);
  },
);

test.each(Object.keys(answers))(
  "a false leader who says that a rotation has happened, with %s, is not believed",
  async (name) => {
    const before = own();
    const next = ensureOwnerKey(plane.context, contextFiles.nextOwnerKey);
    plane.forged = await answers[name]?.(next.publicKey);
    await expect(finishRotation(plane.context, way())).rejects.toThrow(REFUSED);
    expect(own()).toEqual(before);
    expect(loadOwnerKey(plane.context, contextFiles.nextOwnerKey)).toEqual(next);
  },
);

test("a false leader's renewal, or his answer at takeownership, is not kept", async () => {
  const before = ownerCredentials(plane.context);
  plane.forged = new Uint8Array(100);
  const soon = Date.now() + 700 * DAY_MS;
  expect(await renewedCredentials(plane.context, before, way(), soon)).toEqual(before);
  const taking = { endpoint: plane.endpoint, acceptAnyCa: false };
  await expect(takeOwnership(plane.context, taking)).rejects.toThrow(REFUSED);
  expect(ownerCredentials(plane.context)).toEqual(before);
});
