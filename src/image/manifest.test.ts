// Manifests, sound and forged.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { FormatError } from "../base/format/format.ts";
import { formatManifest, parseManifest } from "./manifest.ts";
import { testManifest } from "./test-bundle.ts";

test("parseManifest reads what formatManifest writes", () => {
  expect(parseManifest(formatManifest(testManifest()))).toEqual(testManifest());
});

test("formatManifest does not depend on the order of files", () => {
  const manifest = testManifest();
  const files = Object.fromEntries(Object.entries(manifest.files).reverse());
  expect(formatManifest({ ...manifest, files })).toBe(formatManifest(manifest));
});

test.each<[string, (text: string) => string, string]>([
  ["text that is no JSON", () => "{", "is not JSON"],
  ["a list", () => "[]", "manifest is not an object"],
  ["nothing", () => "null", "manifest is not an object"],
  ["a newer format", (text) => text.replace('"format": 1', '"format": 2'), "format is 2, not 1"],
  ["a version with a path", (text) => text.replace("0.1.0-test", "../x"), "version is malformed"],
  ["a short root hash", (text) => text.replace("0123456789abcdef", ""), "rootHash is malformed"],
  ["an odd salt", (text) => text.replace('"00ff', '"0ff'), "salt is malformed"],
  ["a size with a fraction", (text) => text.replace('"size": 12,', '"size": 1.5,'), "not a size"],
  ["a negative size", (text) => text.replace('"size": 12,', '"size": -12,'), "not a size"],
])("parseManifest refuses %s", (_, change, reason) => {
  const text = change(formatManifest(testManifest()));
  expect(() => parseManifest(text)).toThrow(reason);
});

test("parseManifest gives a manifest or a FormatError for any JSON", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseManifest(text);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
  );
});
