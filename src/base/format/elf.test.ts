// The ELF reader is tried on real programs of the machine, and on damaged copies of them.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { isElf, neededLibraries } from "./elf.ts";
import { FormatError } from "./format.ts";

// Small, and on every Linux with glibc.
const library = readFileSync("/usr/bin/env");

test("neededLibraries names what a program is linked with", () => {
  expect(neededLibraries(library)).toContain("libc.so.6");
});

test("isElf knows programs from scripts", () => {
  expect(isElf(library)).toBe(true);
  expect(isElf(new TextEncoder().encode(`#!/bin/sh\n${" ".repeat(100)}`))).toBe(false);
  expect(isElf(new Uint8Array())).toBe(false);
});

test("neededLibraries refuses other files and other kinds of machine", () => {
  expect(() => neededLibraries(new Uint8Array(100))).toThrow(FormatError);
  const narrow = Uint8Array.from(library);
  narrow[4] = 1;
  expect(() => neededLibraries(narrow)).toThrow("64-bit");
});

test("neededLibraries answers damaged files with a FormatError or a list", () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(255), fc.nat(library.length), (at, value, length) => {
      const bytes = Uint8Array.from(library.subarray(0, length));
      if (at < length) bytes[at] = value;
      try {
        expect(neededLibraries(bytes)).toBeArray();
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
  );
});
