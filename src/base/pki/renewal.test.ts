// When certificates are due for another one.
import { expect, test } from "bun:test";
import { issueCa, issueNode, validFor } from "./certificate.ts";
import { generateKeyPair } from "./keys.ts";
import { isDue, isEnding } from "./renewal.ts";

const keyPair = generateKeyPair();
const ca = { keyPair, certificate: await issueCa(keyPair) };
const NOW = Date.parse("2026-11-27T12:00:00Z");

test.each([
  [-1, true, true],
  [179, true, true],
  [181, false, false],
  [730, false, false],
  [732, false, true],
  [4_000, false, true],
])("a certificate that ends in %d days is ending: %p, due: %p", async (days, ending, due) => {
  const der = await issueNode(ca, generateKeyPair().publicKey, validFor(days, NOW));
  expect([isEnding(der, NOW), isDue(der, NOW)]).toEqual([ending, due]);
});
