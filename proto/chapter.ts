// The handbook's chapter Cluster API, made of the comments in the proto files:
// services with their methods, what each needs of its caller, and all messages.
import { getExtension } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  type FileDescriptorSet,
  FieldDescriptorProto_Label as Label,
  type MethodDescriptorProto,
  type ServiceDescriptorProto,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { authorization, Permission } from "../src/gen/metropolis/proto/ext/authorization_pb.ts";

/** The chapter's parts: a title, and the file that it is about. */
const parts: readonly (readonly [string, string])[] = [
  ["Management of cluster and nodes", "metropolis/proto/api/management.proto"],
  ["Authentication", "metropolis/proto/api/aaa.proto"],
  ["What nodes call", "metropolis/node/core/curator/proto/api/api.proto"],
  ["Recovery", "metropolis/node/core/recovery/recovery.proto"],
  ["Common data types", "metropolis/proto/common/common.proto"],
  ["Node parameters", "metropolis/proto/api/configuration.proto"],
  ["Network configuration", "osbase/net/proto/net.proto"],
  ["Permissions", "metropolis/proto/ext/authorization.proto"],
  ["Log entries", "osbase/logtree/proto/logtree.proto"],
  ["Versions", "version/spec/spec.proto"],
];

const INTRODUCTION = `# Cluster API

This chapter is generated from the comments of the files in \`proto/\`, which are the manual of the API; \`bun run generate\` writes
it. It goes through all services of a cluster and their data types. \`metroctl\` is for people, and everything it does is a call
of this API; programs use the API itself.

Services are gRPC over TLS 1.3. **Management**, **AAA** and **Curator** are served by the leader of the control plane on port
7835, **CuratorLocal** by every member of it on the same port, **NodeManagement** by every node on port 7839, **Recovery** on port
7847 by nodes that are locked. Both sides show certificates: see Identity and Authentication. A call that fails with UNAVAILABLE
may be made again; a member that answers UNIMPLEMENTED does not lead, and \`CuratorLocal.GetCurrentLeader\` tells who does. All
methods without a stream of requests may be repeated without harm. Health is served too, to anyone, and reflection, to users.

So a program that speaks gRPC needs no files of ours: grpcurl is given the owner's certificate and key, the CA and the ID of the
node that leads, which is the name in that one's certificate, and learns the rest by reflection. It speaks JSON, in the names of
this chapter.

\`\`\`sh
cd ~/.config/metroctl
(umask 077; jq -r .status.clientKeyData <(metroctl k8scredplugin) > owner-key.pkcs8.pem)
alias owner="grpcurl -cacert ca.pem -cert owner.pem -key owner-key.pkcs8.pem -servername <id>"
owner <address>:7835 list
owner -d '{"filter": "node.health == HEALTH_HEALTHY"}' <address>:7835 metropolis.proto.api.Management.GetNodes
\`\`\`
`;

const WIDTH = 120;

/** The chapter, from the descriptors of all proto files with their comments. */
export function clusterApiChapter({ file }: FileDescriptorSet): string {
  const sections = parts.map(([title, path]) => {
    const found = file.find(({ name }) => name === path);
    if (found === undefined) throw new ChapterError(`there is no ${path}`);
    return new Section(found).text(title);
  });
  return `${[INTRODUCTION.trimEnd(), ...sections].join("\n\n")}\n`;
}

/** A file that the chapter is about is not there. */
class ChapterError extends Error {
  override readonly name = "ChapterError";
}

/** Numbers of fields in descriptors, of which paths to comments are made. */
const at = {
  message: 4,
  enum: 5,
  service: 6,
  method: 2,
  field: 2,
  nested: 3,
  innerEnum: 4,
  value: 2,
};
/** The path to the comment above `package`. */
const PACKAGE = "2";

/** One file of the API. */
class Section {
  readonly #file: FileDescriptorProto;
  readonly #comments: ReadonlyMap<string, string>;

  constructor(file: FileDescriptorProto) {
    this.#file = file;
    const locations = file.sourceCodeInfo?.location ?? [];
    this.#comments = new Map(
      locations.map(({ path, leadingComments }) => [path.join("."), leadingComments ?? ""]),
    );
  }

  text(title: string): string {
    const { name, service, messageType, enumType } = this.#file;
    return [
      `## ${title}`,
      `\`${name}\``,
      ...this.#comment(PACKAGE),
      ...service.flatMap((each, index) => this.#service(each, `${at.service}.${index}`)),
      ...messageType.flatMap((each, index) => this.#message(each, `${at.message}.${index}`, "")),
      ...enumType.flatMap((each, index) => this.#enum(each, `${at.enum}.${index}`, "")),
    ].join("\n\n");
  }

  #comment(path: string): readonly string[] {
    return paragraphs(this.#comments.get(path) ?? "");
  }

  #service({ name, method }: ServiceDescriptorProto, path: string): readonly string[] {
    return [
      `### Service ${name}`,
      ...this.#comment(path),
      ...method.flatMap((each, index) => this.#method(name, each, `${path}.${at.method}.${index}`)),
    ];
  }

  #method(service: string, method: MethodDescriptorProto, path: string): readonly string[] {
    const { name, inputType, outputType, clientStreaming, serverStreaming } = method;
    const type = (full: string, isStream: boolean) => `${isStream ? "stream " : ""}${short(full)}`;
    const signature = `${name}(${type(inputType, clientStreaming)}) returns (${type(outputType, serverStreaming)})`;
    return [`#### ${service}.${name}`, `\`${signature}\``, need(method), ...this.#comment(path)];
  }

  #message(message: DescriptorProto, path: string, above: string): readonly string[] {
    const name = above + message.name;
    const fields = message.field.map((field, index) =>
      item(
        `\`${field.name}\` (${field.number}, ${typeOf(field, message)})`,
        this.#comment(`${path}.${at.field}.${index}`),
      ),
    );
    return [
      `#### ${name}`,
      ...this.#comment(path),
      ...(fields.length === 0 ? ["It has no fields."] : [fields.join("\n")]),
      ...message.nestedType.flatMap((each, index) =>
        this.#message(each, `${path}.${at.nested}.${index}`, `${name}.`),
      ),
      ...message.enumType.flatMap((each, index) =>
        this.#enum(each, `${path}.${at.innerEnum}.${index}`, `${name}.`),
      ),
    ];
  }

  #enum({ name, value }: EnumDescriptorProto, path: string, above: string): readonly string[] {
    const values = value.map((each, index) =>
      item(`\`${each.name}\` (${each.number})`, this.#comment(`${path}.${at.value}.${index}`)),
    );
    return [`#### ${above}${name}`, ...this.#comment(path), values.join("\n")];
  }
}

/** What a method needs of its caller, by its option. */
function need({ options }: MethodDescriptorProto): string {
  const rule = options === undefined ? undefined : getExtension(options, authorization);
  if (rule?.allowUnauthenticated === true) return "*Anyone may call.*";
  const names = (rule?.need ?? []).map(
    (each) => `\`${Permission[each].replace(/^PERMISSION_/, "")}\``,
  );
  if (names.length > 0) return `*Needs the permission ${names.join(", ")}.*`;
  return "*Needs a certificate of the cluster.*";
}

/** The last part of a name, with the messages that it is nested in. */
function short(full: string): string {
  return full.replace(/^\.?(?:[a-z][a-z0-9_]*\.)*/, "");
}

const scalars: Readonly<Partial<Record<Type, string>>> = {
  [Type.BOOL]: "bool",
  [Type.BYTES]: "bytes",
  [Type.STRING]: "string",
  [Type.INT32]: "int32",
  [Type.INT64]: "int64",
  [Type.UINT32]: "uint32",
  [Type.UINT64]: "uint64",
};

function typeOf(field: FieldDescriptorProto, { oneofDecl }: DescriptorProto): string {
  const base = scalars[field.type] ?? short(field.typeName);
  if (field.label === Label.REPEATED) return `repeated ${base}`;
  if (field.proto3Optional) return `optional ${base}`;
  const group = Object.hasOwn(field, "oneofIndex") ? oneofDecl[field.oneofIndex]?.name : undefined;
  return group === undefined ? base : `${base}, one of \`${group}\``;
}

/** An entry of a list: its name, then its comment. */
function item(name: string, [first = "", ...more]: readonly string[]): string {
  const isText = first !== "" && !first.startsWith("```");
  const head = isText ? `${name}: ${first.replaceAll("\n", " ")}` : name;
  const rest = isText || first === "" ? more : [first, ...more];
  const [line = "", ...lines] = wrap(head, WIDTH - 2).split("\n");
  return [
    `- ${line}`,
    ...lines.map(indent),
    ...rest.flatMap((text) => ["", ...text.split("\n").map(indent)]),
  ].join("\n");
}

function indent(line: string): string {
  return line === "" ? "" : `  ${line}`;
}

/** A comment as Markdown: paragraphs, and what is indented as it is. */
function paragraphs(comment: string): readonly string[] {
  const lines = comment.split("\n").map((line) => line.replace(/^ /, "").trimEnd());
  const blocks: string[][] = [];
  for (const [index, line] of lines.entries()) {
    const before = lines[index - 1] ?? "";
    const isNew = before === "" || before.startsWith("  ") !== line.startsWith("  ");
    if (line === "") continue;
    if (isNew) blocks.push([]);
    blocks.at(-1)?.push(line);
  }
  return blocks.map((block) => {
    const isVerbatim = block[0]?.startsWith("  ") === true;
    if (!isVerbatim) return wrap(block.join(" "), WIDTH);
    return ["```", ...block.map((line) => line.slice(2)), "```"].join("\n");
  });
}

/** Breaks a text at blanks, so that its lines are no longer than that where that is possible. */
function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}
