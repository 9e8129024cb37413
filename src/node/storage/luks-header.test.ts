// Tests of what a header may say. That it holds off who writes another one: test/attack.
import { expect, test } from "bun:test";
import { checkHeader, type Encryption, HeaderError } from "./luks-header.ts";

/** As cryptsetup 2.7 writes it for `formatLuks`, with another key slot for a second passphrase. */
function metadata(encryption: Encryption) {
  const isAuthenticated = encryption === "authenticated";
  const slot = (offset: number) => ({
    type: "luks2",
    key_size: isAuthenticated ? 32 : 64,
    af: { type: "luks1", stripes: 4000, hash: "sha256" },
    area: {
      ...{ type: "raw", offset: `${offset}`, size: "258048" },
      ...{ encryption: "aes-xts-plain64", key_size: 64 },
    },
    kdf: { type: "pbkdf2", hash: "sha256", iterations: 1000, salt: "GcIUMSP6Pw0=" },
  });
  return {
    keyslots: { 0: slot(32_768), 1: slot(290_816) },
    tokens: {},
    segments: {
      0: {
        ...{ type: "crypt", offset: "16777216", size: "dynamic", iv_tweak: "0" },
        encryption: isAuthenticated ? "aes-gcm-random" : "aes-xts-plain64",
        sector_size: 4096,
        ...(isAuthenticated && {
          integrity: { type: "aead", journal_encryption: "none", journal_integrity: "none" },
        }),
      },
    },
    digests: {
      0: {
        ...{ type: "pbkdf2", keyslots: ["0", "1"], segments: ["0"], hash: "sha256" },
        ...{ iterations: 1000, salt: "EPR+tar/0oE=", digest: "x4BAVvmweN8=" },
      },
    },
    config: { json_size: "12288", keyslots_size: "16744448" },
  };
}

test.each(["encrypted", "authenticated"] as const)("checkHeader takes a node's own, %s", (kind) => {
  expect(() => checkHeader(metadata(kind), kind)).not.toThrow();
});

test("checkHeader takes nothing without tags for what shall have some, and the reverse", () => {
  expect(() => checkHeader(metadata("encrypted"), "authenticated")).toThrow(HeaderError);
  expect(() => checkHeader(metadata("authenticated"), "encrypted")).toThrow("segments, keyslots");
});

test("checkHeader takes no tags of which nothing depends on the key", () => {
  const all = metadata("authenticated");
  Object.assign(all.segments[0].integrity || {}, { type: "none" });
  expect(() => checkHeader(all, "authenticated")).toThrow("changed segments");
});

test("checkHeader takes no change of the cipher that was interrupted", () => {
  const all = metadata("encrypted");
  Object.assign(all.config, { requirements: { mandatory: ["online-reencrypt-v2"] } });
  expect(() => checkHeader(all, "encrypted")).toThrow("changed requirements");
});

test("checkHeader takes no key slot that is easier to open", () => {
  for (const part of ["area", "kdf", "af"] as const) {
    const all = metadata("encrypted");
    Object.assign(all.keyslots[1][part], { hash: "md5" });
    expect(() => checkHeader(all, "encrypted")).toThrow("changed keyslots");
  }
});

test("checkHeader takes no second digest, and nothing that is no header", () => {
  const all = metadata("encrypted");
  Object.assign(all.digests, { 1: all.digests[0] });
  expect(() => checkHeader(all, "encrypted")).toThrow("changed digests");
  for (const none of [undefined, null, 1, "x", [], {}]) {
    expect(() => checkHeader(none, "encrypted")).toThrow(HeaderError);
  }
});
