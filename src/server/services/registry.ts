/**
 * The services of a server: each method once, by its generated description, with the handler that
 * serves it. gRPC, the JSON gateway and reflection all read this one table, so that none of them can
 * know a method that the others do not.
 */
import type { DescMessage, DescMethod, DescService, MessageShape } from '@bufbuild/protobuf';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { assert } from '../../base/assert.ts';
import type { Codec, Method } from '../../grpc/method.ts';
import type { GrpcServer, StreamingHandler, UnaryHandler } from '../../grpc/server.ts';
import {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
} from '../convert/decode.ts';
import {
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
  encodeWatchResponse,
} from '../convert/encode.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';

type AnyMessage = MessageShape<DescMessage>;

/** One method and who serves it. */
export type ServedMethod = { readonly description: DescMethod } & (
  | { readonly kind: 'unary'; readonly handler: UnaryHandler<AnyMessage, AnyMessage> }
  | { readonly kind: 'stream'; readonly handler: StreamingHandler<AnyMessage, AnyMessage> }
);

/** The handlers of one service, by the generated names of its methods. */
export type Handlers<Service extends DescService> = {
  readonly [Name in keyof Service['method']]: Service['method'][Name] extends {
    readonly methodKind: infer Kind;
    readonly input: infer Input extends DescMessage;
    readonly output: infer Output extends DescMessage;
  }
    ? Kind extends 'unary'
      ? UnaryHandler<MessageShape<Input>, MessageShape<Output>>
      : StreamingHandler<MessageShape<Input>, MessageShape<Output>>
    : never;
};

/** The methods that a server serves. */
export class ServiceRegistry {
  readonly #methods = new Map<string, ServedMethod>();
  readonly #services: DescService[] = [];

  /** By path, `/package.Service/Method`. */
  get methods(): ReadonlyMap<string, ServedMethod> {
    return this.#methods;
  }

  get services(): readonly DescService[] {
    return this.#services;
  }

  add<Service extends DescService>(service: Service, handlers: Handlers<Service>): this {
    assert(!this.#services.includes(service), `${service.typeName} is served already`);
    this.#services.push(service);
    for (const description of service.methods) {
      const handler = (handlers as Readonly<Record<string, unknown>>)[description.localName];
      assert(typeof handler === 'function', `nobody serves ${description.name}`);
      const kind = description.methodKind === 'unary' ? 'unary' : 'stream';
      const served = { kind, description, handler } as ServedMethod;
      this.#methods.set(`/${service.typeName}/${description.name}`, served);
    }
    return this;
  }

  /** Serves all of them by gRPC. */
  serve(grpc: GrpcServer): void {
    for (const served of this.#methods.values()) {
      const method = methodOf(served.description);
      if (served.kind === 'unary') grpc.unary(method, served.handler);
      else grpc.stream(method, served.handler);
    }
  }
}

/** A method for either end of gRPC, by its generated description. */
export function methodOf<Input extends DescMessage, Output extends DescMessage>(
  description: DescMethod & { readonly input: Input; readonly output: Output },
): Method<MessageShape<Input>, MessageShape<Output>> {
  const { methodKind } = description;
  return {
    path: `/${description.parent.typeName}/${description.name}`,
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    request: codecOf(description.input),
    response: codecOf(description.output),
  };
}

/** Messages that are written by hand, because most of a server's work is to write them. */
const encoders: ReadonlyMap<DescMessage, (message: never) => Uint8Array> = new Map<
  DescMessage,
  (message: never) => Uint8Array
>([
  [pb.RangeResponseSchema, encodeRangeResponse],
  [pb.PutResponseSchema, encodePutResponse],
  [pb.DeleteRangeResponseSchema, encodeDeleteRangeResponse],
  [pb.TxnResponseSchema, encodeTxnResponse],
  [pb.WatchResponseSchema, encodeWatchResponse],
]);

/** Requests that are read by hand, where they have their usual form. */
const decoders: ReadonlyMap<DescMessage, (bytes: Uint8Array) => AnyMessage | undefined> = new Map<
  DescMessage,
  (bytes: Uint8Array) => AnyMessage | undefined
>([
  [pb.RangeRequestSchema, decodeRangeRequest],
  [pb.PutRequestSchema, decodePutRequest],
  [pb.DeleteRangeRequestSchema, decodeDeleteRangeRequest],
  [pb.TxnRequestSchema, decodeTxnRequest],
]);

function codecOf<Message extends DescMessage>(schema: Message): Codec<MessageShape<Message>> {
  const byHand = encoders.get(schema) as
    | ((message: MessageShape<Message>) => Uint8Array)
    | undefined;
  const readByHand = decoders.get(schema) as
    | ((bytes: Uint8Array) => MessageShape<Message> | undefined)
    | undefined;
  return {
    encode: byHand ?? ((message) => toBinary(schema, message)),
    prefixRoom: byHand !== undefined,
    decode:
      readByHand === undefined
        ? (bytes) => fromBinary(schema, bytes)
        : (bytes) => readByHand(bytes) ?? fromBinary(schema, bytes),
  };
}
