// Reading the system's own package sources and what apt prints.
import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArchives, parseRecords, sha256File, sourcesFor } from "./debian.ts";

const deb822 = `Types: deb
# a snapshot of some day
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://archive.example/debian-security
Suites: bookworm-security
Components: main contrib

Types: deb
URIs: https://elsewhere.example/node
Suites: nodistro
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;

test("parseArchives finds Debian's archives in a .sources file, and nothing else", () => {
  expect(parseArchives(deb822)).toEqual([
    { uri: "http://archive.example/debian", isSecurity: false },
    { uri: "http://archive.example/debian-security", isSecurity: true },
  ]);
});

test("parseArchives reads one-line sources, with options and without", () => {
  const list = `# deb http://old.example/debian trixie main
deb http://a.example/debian trixie main contrib
deb [arch=amd64 signed-by=/x.gpg] http://a.example/debian-security trixie-security main
deb-src http://a.example/debian trixie main
deb http://b.example/tool stable-tool main
`;
  expect(parseArchives(list)).toEqual([
    { uri: "http://a.example/debian", isSecurity: false },
    { uri: "http://a.example/debian-security", isSecurity: true },
  ]);
});

test("sourcesFor asks the same archives for our release, each once", () => {
  const [main, security] = parseArchives(deb822);
  if (main === undefined || security === undefined) throw new Error("no archives");
  const text = sourcesFor([main, main, security]);
  expect(text.match(/^URIs:.*$/gm)).toEqual([
    "URIs: http://archive.example/debian",
    "URIs: http://archive.example/debian-security",
  ]);
  expect(text.match(/^Suites:.*$/gm)).toEqual([
    "Suites: trixie trixie-updates",
    "Suites: trixie-security",
  ]);
});

test("parseRecords reads what apt-cache show prints, and skips what is incomplete", () => {
  const text = `Package: chrony
Version: 4.6.1-3
Description: time
 Package: not this
SHA256: aa

Package: virtual

Package: xfsprogs
Version: 6.13.0-2
SHA256: bb
`;
  expect(parseRecords(text)).toEqual([
    { name: "chrony", version: "4.6.1-3", sha256: "aa" },
    { name: "xfsprogs", version: "6.13.0-2", sha256: "bb" },
  ]);
});

test("sha256File hashes a file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sha256-"));
  await writeFile(join(folder, "file"), "abc");
  expect(await sha256File(join(folder, "file"))).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  await rm(folder, { recursive: true });
});
