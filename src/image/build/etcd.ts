// etcd and etcdutl from Go modules, unmodified: versions and hashes are in
// initramfs/components/etcd/, with the main function that makes one program of the two.
import { readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { host } from "./host.ts";
import type { BuildSettings } from "./settings.ts";
import type { Stage } from "./stage.ts";

/** Ours is the only Go command of the build that may write: what it fetches and compiles. */
const ENVIRONMENT = {
  CGO_ENABLED: "0",
  GOOS: "linux",
  GOARCH: "amd64",
  GOFLAGS: "-buildvcs=false",
};

/** Compiles `etcd`, and makes `etcdutl` a link to it: its name tells it which of the two it is. */
export function etcdStage(settings: BuildSettings): Stage {
  const component = join(settings.checkout, "initramfs", "components", "etcd");
  return {
    name: "etcd",
    summary: "etcd and etcdutl, from Go modules",
    needs: [],
    code: import.meta.path,
    programs: { go: "go" },
    async inputs() {
      const names = (await readdir(component)).sort();
      const texts = names.map((name) => readFile(join(component, name), "utf8"));
      // In the module's folder, so that a `toolchain` line of go.mod counts.
      const version = await host(["go", "version"], { cwd: component });
      return [version, ...names, ...(await Promise.all(texts))];
    },
    async make({ folder, note }) {
      const version = moduleVersion(await readFile(join(component, "go.mod"), "utf8"));
      const stamp = `-s -w -X go.etcd.io/etcd/api/v3/version.GitSHA=${version}`;
      const flags = ["-mod=readonly", "-trimpath", `-ldflags=${stamp}`, "-o", join(folder, "etcd")];
      note(`Compiling etcd ${version}`);
      await host(["go", "build", ...flags, "."], { cwd: component, env: ENVIRONMENT });
      await symlink("etcd", join(folder, "etcdutl"));
    },
    output: "etcd",
    links: { etcd: "etcd", etcdutl: "etcdutl" },
  };
}

/** The version of etcd's server that a go.mod requires. */
export function moduleVersion(goMod: string): string {
  return /^\s*go\.etcd\.io\/etcd\/server\/v3 (v\S+)/m.exec(goMod)?.[1] ?? "unknown";
}
