// gRPC reflection: a server describes its own services, so that tools such as
// grpcurl need no proto files. The two versions of the protocol differ only in
// their package name. Only users are answered: a question of 30 bytes gets 30 KiB, and 3000
// of them keep a processor busy for a second.
import {
  type DescExtension,
  type DescFile,
  type DescMessage,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  type ServerReflectionRequest as AlphaRequest,
  ServerReflection as ServerReflectionAlpha,
} from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { type AnyService, type Service, service } from "./method.ts";
import { Code } from "./rpc-error.ts";

type Question = Pick<ServerReflectionRequest | AlphaRequest, "host" | "messageRequest">;
type Answer = MessageInitShape<typeof ServerReflectionResponseSchema>;
type Content = NonNullable<Answer["messageResponse"]>;

/** The reflection services for what a server serves, themselves included. */
export function reflection(services: readonly AnyService[]): readonly Service[] {
  const everything = [...services, ServerReflection, ServerReflectionAlpha];
  let index: Index | undefined;
  async function* answers(questions: AsyncIterable<Question>): AsyncGenerator<Answer> {
    // Most servers are never asked, so the index waits for the first question.
    index ??= new Index(everything);
    for await (const question of questions) yield answer(index, question);
  }
  const handlers = { serverReflectionInfo: answers };
  return [
    service(ServerReflection, handlers),
    // Not through service(): the messages are the same, but their types cannot know.
    { desc: ServerReflectionAlpha, handlers },
  ];
}

function answer(index: Index, { host, messageRequest }: Question): Answer {
  return {
    validHost: host,
    originalRequest: { host, messageRequest: plainQuestion(messageRequest) },
    messageResponse: content(index, messageRequest),
  };
}

/** The question as it can be sent back under either package name. */
function plainQuestion(asked: Question["messageRequest"]) {
  if (asked.case !== "fileContainingExtension") return asked;
  const { containingType, extensionNumber } = asked.value;
  return { case: asked.case, value: { containingType, extensionNumber } };
}

function content(index: Index, asked: Question["messageRequest"]): Content {
  switch (asked.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: index.services() } };
    case "fileByFilename":
      return fileContent(index.byName.get(asked.value), asked.value);
    case "fileContainingSymbol":
      return fileContent(index.bySymbol.get(asked.value), asked.value);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = asked.value;
      const found = index
        .extensions(containingType)
        .find(({ number }) => number === extensionNumber);
      return fileContent(found?.file, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType":
      return extensionNumbers(index, asked.value);
    default:
      return failure(Code.invalidArgument, "unknown kind of request");
  }
}

function fileContent(file: DescFile | undefined, wanted: string): Content {
  if (file === undefined) return failure(Code.notFound, `not found: ${wanted}`);
  const files = [...withImports(file)].reverse();
  const fileDescriptorProto = files.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function extensionNumbers(index: Index, baseTypeName: string): Content {
  if (!index.bySymbol.has(baseTypeName)) {
    return failure(Code.notFound, `not found: ${baseTypeName}`);
  }
  const extensionNumber = index.extensions(baseTypeName).map(({ number }) => number);
  return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
}

function failure(errorCode: number, errorMessage: string): Content {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}

/** A file and all it imports, each once and after what it imports. */
function withImports(file: DescFile, found = new Set<DescFile>()): Set<DescFile> {
  if (found.has(file)) return found;
  for (const dependency of file.dependencies) withImports(dependency, found);
  return found.add(file);
}

/** Where to find what, over all files of the services. */
class Index {
  readonly byName = new Map<string, DescFile>();
  readonly bySymbol = new Map<string, DescFile>();
  readonly #services: readonly AnyService[];
  readonly #extensions: DescExtension[] = [];

  constructor(services: readonly AnyService[]) {
    this.#services = services;
    const files = new Set<DescFile>();
    for (const { file } of services) withImports(file, files);
    for (const file of files) this.#addFile(file);
  }

  #addFile(file: DescFile): void {
    this.byName.set(file.proto.name, file);
    for (const { typeName, methods } of file.services) {
      this.bySymbol.set(typeName, file);
      for (const { name } of methods) this.bySymbol.set(`${typeName}.${name}`, file);
    }
    for (const { typeName } of file.enums) this.bySymbol.set(typeName, file);
    for (const extension of file.extensions) this.#addExtension(extension);
    for (const message of file.messages) this.#addMessage(message);
  }

  #addMessage(message: DescMessage): void {
    this.bySymbol.set(message.typeName, message.file);
    for (const { typeName, file } of message.nestedEnums) this.bySymbol.set(typeName, file);
    for (const extension of message.nestedExtensions) this.#addExtension(extension);
    for (const nested of message.nestedMessages) this.#addMessage(nested);
  }

  #addExtension(extension: DescExtension): void {
    this.bySymbol.set(extension.typeName, extension.file);
    this.#extensions.push(extension);
  }

  services(): { name: string }[] {
    return this.#services.map(({ typeName }) => ({ name: typeName }));
  }

  extensions(typeName: string): readonly DescExtension[] {
    return this.#extensions.filter(({ extendee }) => extendee.typeName === typeName);
  }
}
