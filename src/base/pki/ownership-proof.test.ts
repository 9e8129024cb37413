// Tests of the proof of ownership.
import { expect, test } from "bun:test";
import { ownershipProof } from "./ownership-proof.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const [secret, nonce, ca] = [bytes("secret"), bytes("nonce"), bytes("ca")];

test("ownershipProof is what OpenSSL makes of purpose, nonce and claim", () => {
  // printf 'metropolis ownership v1nonceca' | openssl dgst -sha256 -hmac secret
  expect(ownershipProof("ownership", secret, nonce, ca).toHex()).toBe(
    "42a0815229500390fd51a6e9b4147168a65ce8e0d5648cbbc2e2c1670a59e86d",
  );
});

test("ownershipProof differs with everything that it is about", () => {
  const other = bytes("other");
  const proofs = [
    ownershipProof("ownership", secret, nonce, ca),
    ownershipProof("restore", secret, nonce, ca),
    ownershipProof("ownership", other, nonce, ca),
    ownershipProof("ownership", secret, other, ca),
    ownershipProof("ownership", secret, nonce, other),
  ];
  expect(new Set(proofs.map((proof) => proof.toHex())).size).toBe(proofs.length);
});
