// Tests of mounting: true mounts where we are root, the kernel's refusal where we are not.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMountPoint, mount, mountPoints, parseMountInfo, unmount } from "./mount.ts";

const isRoot = process.getuid?.() === 0;

test("parseMountInfo reads targets, types and sources, unescaped", () => {
  const text = [
    "22 1 254:0 / / rw,relatime shared:1 master:2 - erofs /dev/dm-0 ro",
    "23 22 0:21 / /mnt/a\\040b rw,nosuid - tmpfs none rw,size=64m",
    "",
  ].join("\n");
  expect(parseMountInfo(text)).toEqual([
    { source: "/dev/dm-0", target: "/", type: "erofs", options: ["rw", "relatime"] },
    { source: "none", target: "/mnt/a b", type: "tmpfs", options: ["rw", "nosuid"] },
  ]);
});

test("mountPoints holds the root and /proc", () => {
  const targets = mountPoints().map(({ target }) => target);
  expect(targets).toContain("/");
  expect(isMountPoint("/proc")).toBe(true);
  expect(isMountPoint("/no/such/place")).toBe(false);
});

test("mount and unmount work on a tmpfs, or are refused to ordinary users", () => {
  const target = mkdtempSync(join(tmpdir(), "metropolis-mount-"));
  const work = () =>
    mount({ source: "test", target, type: "tmpfs", flags: ["noExec", "noSuid"], data: "size=1m" });
  try {
    if (!isRoot) {
      expect(work).toThrow(`mount tmpfs on ${target}: EPERM`);
      return;
    }
    work();
    const found = mountPoints().find((point) => point.target === target);
    expect(found).toMatchObject({ source: "test", type: "tmpfs" });
    expect(found?.options).toContain("noexec");
    writeFileSync(join(target, "file"), "x");
    mount({ source: "test", target, type: "", flags: ["remount", "readOnly"] });
    expect(() => writeFileSync(join(target, "file"), "y")).toThrow("EROFS");
    unmount(target, ["detach"]);
    expect(isMountPoint(target)).toBe(false);
  } finally {
    rmSync(target, { recursive: true });
  }
});

test("mount names the file system and the target when it fails", () => {
  const reason = isRoot ? "ENODEV" : "EPERM";
  expect(() => mount({ source: "x", target: "/tmp", type: "nosuchfs" })).toThrow(
    `mount nosuchfs on /tmp: ${reason}`,
  );
});
