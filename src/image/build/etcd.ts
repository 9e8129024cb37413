// etcd and etcdutl, unmodified, from Go modules: versions and hashes are in
// initramfs/components/etcd/.
import { mkdir, readdir, readFile } from "node:fs/promises";
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

const PROGRAMS = {
  etcd: "go.etcd.io/etcd/server/v3",
  etcdutl: "go.etcd.io/etcd/etcdutl/v3",
} as const;

/** Compiles `etcd` and `etcdutl`. */
export function etcdStage(settings: BuildSettings): Stage {
  const component = join(settings.checkout, "initramfs", "components", "etcd");
  return {
    name: "etcd",
    summary: "etcd and etcdutl, from Go modules",
    needs: [],
    revision: 1,
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
      await mkdir(folder, { recursive: true });
      for (const [name, path] of Object.entries(PROGRAMS)) {
        note(`Compiling ${name} ${version}`);
        const flags = ["-mod=readonly", "-trimpath", `-ldflags=${stamp}`, "-o", join(folder, name)];
        await host(["go", "build", ...flags, path], { cwd: component, env: ENVIRONMENT });
      }
    },
    output: "etcd",
    links: { etcd: "etcd", etcdutl: "etcdutl" },
  };
}

/** The version of etcd's server that a go.mod requires. */
export function moduleVersion(goMod: string): string {
  return /^\s*go\.etcd\.io\/etcd\/server\/v3 (v\S+)/m.exec(goMod)?.[1] ?? "unknown";
}
