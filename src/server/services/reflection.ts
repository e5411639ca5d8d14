/**
 * Server reflection: what is served, for tools such as grpcurl. Version 1 and its predecessor
 * `v1alpha` have the same messages under other names.
 *
 * Source: grpc/grpc, doc/server-reflection.md.
 */
import { create, createRegistry, type DescFile, type Registry, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { StreamHandler } from '../../grpc/server-call.ts';
import { type StatusName, statusCodes } from '../../grpc/status.ts';
import * as v1 from '../proto/gen/grpc/reflection/v1/reflection_pb.ts';
import * as v1alpha from '../proto/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import type { Handlers, ServiceRegistry } from './registry.ts';

type Answer = v1.ServerReflectionResponse['messageResponse'];

/** Handlers of version 1. */
export function reflectionHandlers(
  services: ServiceRegistry,
): Handlers<typeof v1.ServerReflection> {
  return {
    serverReflectionInfo: (call): StreamHandler<v1.ServerReflectionRequest> => ({
      received(request) {
        const messageResponse = answerOf(services, request.messageRequest);
        const { host: validHost } = request;
        const originalRequest = request;
        const answer = { validHost, originalRequest, messageResponse };
        call.send(create(v1.ServerReflectionResponseSchema, answer));
      },
      ended: () => call.finish(),
    }),
  };
}

/** Handlers of the version before. */
export function oldReflectionHandlers(
  services: ServiceRegistry,
): Handlers<typeof v1alpha.ServerReflection> {
  return {
    serverReflectionInfo: (call): StreamHandler<v1alpha.ServerReflectionRequest> => ({
      received(request) {
        const { case: kind, value } = request.messageRequest;
        // An extension is the one request that is itself a message; nothing here has extensions.
        const asked =
          kind === 'fileContainingExtension' ? { case: undefined } : { case: kind, value };
        const found = answerOf(services, asked as v1.ServerReflectionRequest['messageRequest']);
        call.send(
          create(v1alpha.ServerReflectionResponseSchema, {
            validHost: request.host,
            originalRequest: request,
            messageResponse: olderAnswer(found),
          }),
        );
      },
      ended: () => call.finish(),
    }),
  };
}

function answerOf(
  services: ServiceRegistry,
  asked: v1.ServerReflectionRequest['messageRequest'],
): Answer {
  const registry = createRegistry(...services.services.map(({ file }) => file));
  switch (asked.case) {
    case 'listServices': {
      const names = services.services.map(({ typeName }) => typeName).sort();
      const service = names.map((name) => create(v1.ServiceResponseSchema, { name }));
      return {
        case: 'listServicesResponse',
        value: create(v1.ListServiceResponseSchema, { service }),
      };
    }
    case 'fileByFilename': {
      const name = asked.value.replace(/\.proto$/, '');
      return filesAnswer(allFiles(services).find((file) => file.name === name));
    }
    case 'fileContainingSymbol':
      return filesAnswer(fileOf(registry, asked.value));
    default:
      return refusal('not-found', 'there are no extensions here');
  }
}

/** The file of a message, enumeration, service or method. */
function fileOf(registry: Registry, symbol: string): DescFile | undefined {
  const found = registry.get(symbol) ?? registry.get(symbol.slice(0, symbol.lastIndexOf('.')));
  return found === undefined ? undefined : found.file;
}

function allFiles(services: ServiceRegistry): DescFile[] {
  const files = new Set<DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const each of file.dependencies) add(each);
  };
  for (const { file } of services.services) add(file);
  return [...files];
}

/** A file with all that it imports. */
function filesAnswer(file: DescFile | undefined): Answer {
  if (file === undefined) return refusal('not-found', 'there is no such file or symbol');
  const found = new Set<DescFile>([file]);
  for (const each of found) for (const inner of each.dependencies) found.add(inner);
  const fileDescriptorProto = [...found].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return {
    case: 'fileDescriptorResponse',
    value: create(v1.FileDescriptorResponseSchema, { fileDescriptorProto }),
  };
}

function refusal(code: StatusName, errorMessage: string): Answer {
  return {
    case: 'errorResponse',
    value: create(v1.ErrorResponseSchema, { errorCode: statusCodes[code], errorMessage }),
  };
}

function olderAnswer(answer: Answer): v1alpha.ServerReflectionResponse['messageResponse'] {
  switch (answer.case) {
    case 'fileDescriptorResponse': {
      const { fileDescriptorProto } = answer.value;
      const value = create(v1alpha.FileDescriptorResponseSchema, { fileDescriptorProto });
      return { case: answer.case, value };
    }
    case 'listServicesResponse': {
      const names = answer.value.service.map(({ name }) => name);
      const service = names.map((name) => create(v1alpha.ServiceResponseSchema, { name }));
      return { case: answer.case, value: create(v1alpha.ListServiceResponseSchema, { service }) };
    }
    case 'errorResponse': {
      const { errorCode, errorMessage } = answer.value;
      const value = create(v1alpha.ErrorResponseSchema, { errorCode, errorMessage });
      return { case: answer.case, value };
    }
    default:
      return { case: undefined };
  }
}
