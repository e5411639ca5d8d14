/**
 * Generated requests, valid and invalid, over few keys, leases and revisions, so that they meet each
 * other. The same seed gives the same requests.
 */
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import type { SeededRandom } from '../../../src/base/seeded-random.ts';
import type { Method } from '../../../src/grpc/method.ts';
import * as authpb from '../../../src/server/proto/gen/authpb/auth_pb.ts';
import * as pb from '../../../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import { methodOf } from '../../../src/server/services/registry.ts';

/** One request, for whichever server. */
export interface AnyRequest {
  readonly method: Method<never, unknown>;
  readonly request: unknown;
}

const keys = ['', 'a', 'b', 'aa', 'ab', 'b0', 'c', '\0', '\xff', 'a\0'];
const ends = ['', '', '', '\0', 'b', 'c', 'a', 'ac', '\xff\xff'];
const values = ['', '1', '2', 'long'.repeat(50)];
const names = ['', 'ann', 'bob', 'root', 'x'];

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

export class RequestMaker {
  readonly #random: SeededRandom;
  /** The newest revision, as far as answers have told. */
  revision = 1;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  next(): AnyRequest {
    const { method: kv } = pb.KV;
    const { method: lease } = pb.Lease;
    const roll = this.#random.below(100);
    if (roll < 25) return ask(kv.put, pb.PutRequestSchema, this.#put());
    if (roll < 50) return ask(kv.range, pb.RangeRequestSchema, this.#range());
    if (roll < 58) return ask(kv.deleteRange, pb.DeleteRangeRequestSchema, this.#delete());
    if (roll < 80) return ask(kv.txn, pb.TxnRequestSchema, this.#txn(2));
    if (roll < 82) return ask(kv.compact, pb.CompactionRequestSchema, this.#compaction());
    if (roll < 87) return ask(lease.leaseGrant, pb.LeaseGrantRequestSchema, this.#grant());
    if (roll < 89) {
      return ask(lease.leaseRevoke, pb.LeaseRevokeRequestSchema, { ID: this.#lease() });
    }
    if (roll < 92) {
      const ID = this.#lease();
      return ask(lease.leaseTimeToLive, pb.LeaseTimeToLiveRequestSchema, { ID, keys: true });
    }
    if (roll < 93) return ask(lease.leaseLeases, pb.LeaseLeasesRequestSchema, {});
    return this.#access();
  }

  /** A watch over what has happened, from some revision on. */
  watch(): MessageInitShape<typeof pb.WatchCreateRequestSchema> {
    return {
      key: this.#key(),
      rangeEnd: this.#end(),
      startRevision: BigInt(Math.max(1, this.revision - this.#random.below(60))),
      prevKv: this.#chance(2),
      filters: this.#chance(4) ? [this.#chance(2) ? 0 : 1] : [],
    };
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)]!;
  }

  #chance(oneIn: number): boolean {
    return this.#random.below(oneIn) === 0;
  }

  /** Seldom the empty one, which is an error almost everywhere. */
  #key(): Uint8Array {
    return bytes(this.#chance(30) ? '' : this.#pick(keys.slice(1)));
  }

  #end(): Uint8Array {
    return bytes(this.#pick(ends));
  }

  #lease(): bigint {
    return BigInt(this.#pick([0, 0, 1, 2, 3, 4, 77]));
  }

  /** Mostly one that there was, now and then one that is to come or cannot be. */
  #revision(): bigint {
    if (this.#chance(2)) return 0n;
    if (this.#chance(12)) return BigInt(this.revision + this.#random.below(3));
    if (this.#chance(20)) return -1n;
    return BigInt(Math.max(0, this.revision - this.#random.below(30)));
  }

  #bound(): bigint {
    return this.#chance(6) ? this.#revision() : 0n;
  }

  #put(): MessageInitShape<typeof pb.PutRequestSchema> {
    const ignoreValue = this.#chance(10);
    const ignoreLease = this.#chance(10);
    return {
      key: this.#key(),
      value: bytes(ignoreValue && !this.#chance(3) ? '' : this.#pick(values)),
      lease: ignoreLease && !this.#chance(3) ? 0n : this.#chance(3) ? this.#lease() : 0n,
      prevKv: this.#chance(3),
      ignoreValue,
      ignoreLease,
    };
  }

  #range(): MessageInitShape<typeof pb.RangeRequestSchema> {
    return {
      key: this.#key(),
      rangeEnd: this.#end(),
      limit: BigInt(this.#pick([0, 0, 0, 1, 2, 3, -1])),
      revision: this.#revision(),
      sortOrder: this.#pick([0, 0, 1, 2]),
      sortTarget: this.#pick([0, 0, 1, 2, 3, 4]),
      serializable: this.#chance(4),
      keysOnly: this.#chance(6),
      countOnly: this.#chance(8),
      minModRevision: this.#bound(),
      maxModRevision: this.#bound(),
      minCreateRevision: this.#bound(),
      maxCreateRevision: this.#bound(),
    };
  }

  #delete(): MessageInitShape<typeof pb.DeleteRangeRequestSchema> {
    const rangeEnd = this.#chance(2) ? this.#end() : bytes('');
    return { key: this.#key(), rangeEnd, prevKv: this.#chance(2) };
  }

  #txn(depth: number): MessageInitShape<typeof pb.TxnRequestSchema> {
    const several = <T>(make: () => T, most: number): T[] =>
      Array.from({ length: this.#random.below(most + 1) }, make);
    // Once in a while more than the 128 that may be.
    const most = this.#chance(60) ? 140 : 3;
    return {
      compare: several(() => this.#compare(), this.#chance(60) ? 140 : 2),
      success: several(() => this.#operation(depth), most),
      failure: several(() => this.#operation(depth), 3),
    };
  }

  #compare(): MessageInitShape<typeof pb.CompareSchema> {
    const revision = BigInt(this.#random.below(this.revision + 1));
    const union = this.#pick([
      { target: 0, targetUnion: { case: 'version', value: BigInt(this.#random.below(4)) } },
      { target: 1, targetUnion: { case: 'createRevision', value: revision } },
      { target: 2, targetUnion: { case: 'modRevision', value: revision } },
      { target: 3, targetUnion: { case: 'value', value: bytes(this.#pick(values)) } },
      { target: 4, targetUnion: { case: 'lease', value: this.#lease() } },
      { target: this.#pick([0, 1, 2, 3, 4] as const), targetUnion: { case: undefined } },
    ] as const);
    return {
      ...union,
      key: this.#key(),
      rangeEnd: this.#chance(4) ? this.#end() : bytes(''),
      result: this.#pick([0, 0, 1, 2, 3]),
    };
  }

  #operation(depth: number): MessageInitShape<typeof pb.RequestOpSchema> {
    const roll = this.#random.below(20);
    if (roll < 7) return { request: { case: 'requestPut', value: this.#put() } };
    if (roll < 13) return { request: { case: 'requestRange', value: this.#range() } };
    if (roll < 17) {
      const value = this.#delete();
      // See `known`: one that reaches to the end would make all that follows differ.
      const rangeEnd = value.rangeEnd?.[0] === 0 ? bytes('\xff\xff') : value.rangeEnd!;
      return { request: { case: 'requestDeleteRange', value: { ...value, rangeEnd } } };
    }
    if (roll < 19 && depth > 0) {
      return { request: { case: 'requestTxn', value: this.#txn(depth - 1) } };
    }
    if (this.#chance(10)) return { request: { case: undefined } };
    return { request: { case: 'requestRange', value: { key: this.#key() } } };
  }

  #compaction(): MessageInitShape<typeof pb.CompactionRequestSchema> {
    const revision = BigInt(Math.max(0, this.revision - this.#random.below(60) + 2));
    return { revision, physical: this.#chance(2) };
  }

  #grant(): MessageInitShape<typeof pb.LeaseGrantRequestSchema> {
    const TTL = BigInt(this.#pick([1000, 5000, 100_000, 9_000_000_001]));
    return { ID: BigInt(1 + this.#random.below(5)), TTL };
  }

  /** Users and roles, while access control is off. */
  #access(): AnyRequest {
    const { method } = pb.Auth;
    const name = this.#pick(names);
    const role = this.#pick(names);
    const key = this.#key();
    const rangeEnd = this.#end();
    switch (this.#random.below(14)) {
      case 0: {
        const password = this.#pick(['', 'secret']);
        return ask(method.userAdd, pb.AuthUserAddRequestSchema, { name, password });
      }
      case 1:
        return ask(method.userGet, pb.AuthUserGetRequestSchema, { name });
      case 2:
        return ask(method.userList, pb.AuthUserListRequestSchema, {});
      case 3:
        return ask(method.userDelete, pb.AuthUserDeleteRequestSchema, { name });
      case 4: {
        const password = 'other';
        const schema = pb.AuthUserChangePasswordRequestSchema;
        return ask(method.userChangePassword, schema, { name, password });
      }
      case 5:
        return ask(method.userGrantRole, pb.AuthUserGrantRoleRequestSchema, { user: name, role });
      case 6:
        return ask(method.userRevokeRole, pb.AuthUserRevokeRoleRequestSchema, { name, role });
      case 7:
        return ask(method.roleAdd, pb.AuthRoleAddRequestSchema, { name: role });
      case 8:
        return ask(method.roleGet, pb.AuthRoleGetRequestSchema, { role });
      case 9:
        return ask(method.roleList, pb.AuthRoleListRequestSchema, {});
      case 10:
        return ask(method.roleDelete, pb.AuthRoleDeleteRequestSchema, { role });
      case 11: {
        const permType = this.#pick([0, 1, 2] as const);
        // See `known`: ranges that end before they begin are taken by etcd up to 3.4.
        const [from, to] = this.#pick([
          ['a', ''],
          ['a', 'b'],
          ['b', '\0'],
          ['aa', 'c'],
        ]);
        const range = { key: bytes(from!), rangeEnd: bytes(to!) };
        const perm = create(authpb.PermissionSchema, { permType, ...range });
        const schema = pb.AuthRoleGrantPermissionRequestSchema;
        const given = this.#chance(10) ? {} : { perm };
        return ask(method.roleGrantPermission, schema, { name: role, ...given });
      }
      case 12: {
        const schema = pb.AuthRoleRevokePermissionRequestSchema;
        return ask(method.roleRevokePermission, schema, { role, key, rangeEnd });
      }
      default: {
        const password = 'secret';
        return ask(method.authenticate, pb.AuthenticateRequestSchema, { name, password });
      }
    }
  }
}

/** What stands in `description` is what generated code knows of a method. */
function ask<Input extends DescMessage>(
  description: Parameters<typeof methodOf>[0],
  schema: Input,
  init: MessageInitShape<Input>,
): AnyRequest {
  return { method: methodOf(description) as never, request: create(schema, init) };
}
