// `bun run generate [folder]`: everything that is made of the proto files: the code
// in src/gen/ and the handbook's chapter Cluster API; below another folder for a look.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { clusterApiChapter } from "./chapter.ts";

const repository = join(import.meta.dir, "..");
const CHAPTER = "src/handbook/cluster-api.md";

/** Generates into a folder laid out as the repository. Throws with buf's own words. */
export function generate(target: string): void {
  buf("generate", "proto", "--template", "proto/buf.gen.yaml", "--output", target);
  const scratch = mkdtempSync(join(tmpdir(), "metropolis-proto-"));
  try {
    const image = join(scratch, "image.binpb");
    buf("build", "proto", "--output", image);
    const descriptors = fromBinary(FileDescriptorSetSchema, readFileSync(image));
    mkdirSync(dirname(join(target, CHAPTER)), { recursive: true });
    writeFileSync(join(target, CHAPTER), clusterApiChapter(descriptors));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function buf(...words: readonly string[]): void {
  const command = [join(repository, "node_modules/.bin/buf"), ...words];
  const { success, stderr } = Bun.spawnSync(command, { cwd: repository });
  if (!success) throw new Error(`buf ${words[0]}: ${stderr}`);
}

if (import.meta.main) generate(process.argv[2] ?? repository);
