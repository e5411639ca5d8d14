/**
 * Where Quorate answers otherwise than Debian's etcd 3.4, and may: each with its reason. The table in
 * docs/etcd-differences.md says the same, and a test holds the two together. The generator makes no
 * requests whose different outcome would make all that follows differ; those are tried on their own.
 */
import { create } from '@bufbuild/protobuf';
import * as authpb from '../../../src/server/proto/gen/authpb/auth_pb.ts';
import * as pb from '../../../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import { methodOf } from '../../../src/server/services/registry.ts';
import type { Answer } from './compare.ts';
import type { AnyRequest } from './requests.ts';

export interface Known {
  /** As the table in the documentation names it. */
  readonly name: string;
  /** Whether a difference found among generated requests is this one. */
  readonly covers?: (
    request: AnyRequest,
    answers: { readonly theirs: Answer; readonly ours: Answer },
  ) => boolean;
  /** A request that shows it, with the beginnings of both answers' texts; none: success. */
  readonly example: {
    readonly request: AnyRequest;
    readonly theirs: string;
    readonly ours: string;
  };
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const auth = pb.Auth.method;

const withoutPermission: AnyRequest = {
  method: methodOf(auth.roleGrantPermission) as never,
  request: create(pb.AuthRoleGrantPermissionRequestSchema, { name: 'none' }),
};

export const known: readonly Known[] = [
  {
    name: 'a grant without permission',
    covers: ({ method }, { ours }) =>
      method.path.endsWith('/RoleGrantPermission') &&
      ours.message === 'etcdserver: permission not given',
    example: {
      request: withoutPermission,
      theirs: 'etcdserver: role name not found',
      ours: 'etcdserver: permission not given',
    },
  },
  {
    name: 'a permission for a range that ends before it begins',
    example: {
      request: {
        method: methodOf(auth.roleGrantPermission) as never,
        request: create(pb.AuthRoleGrantPermissionRequestSchema, {
          name: 'none',
          perm: create(authpb.PermissionSchema, { key: bytes('b'), rangeEnd: bytes('a') }),
        }),
      },
      theirs: 'etcdserver: role name not found',
      ours: 'etcdserver: invalid auth management',
    },
  },
  {
    name: 'a deletion to the end of all keys beside a put',
    example: {
      request: {
        method: methodOf(pb.KV.method.txn) as never,
        request: create(pb.TxnRequestSchema, {
          success: [
            { request: { case: 'requestPut', value: { key: bytes('k') } } },
            {
              request: {
                case: 'requestDeleteRange',
                value: { key: bytes('a'), rangeEnd: bytes('\0') },
              },
            },
          ],
        }),
      },
      theirs: '',
      ours: 'etcdserver: duplicate key given in txn request',
    },
  },
  {
    name: 'the order or target of sorting is none',
    example: {
      request: {
        method: methodOf(pb.KV.method.range) as never,
        request: create(pb.RangeRequestSchema, { key: bytes('a'), sortOrder: 7 as never }),
      },
      theirs: '',
      ours: 'etcdserver: invalid sort option',
    },
  },
  {
    name: 'a method of a later version',
    example: {
      request: {
        method: methodOf(auth.authStatus) as never,
        request: create(pb.AuthStatusRequestSchema),
      },
      theirs: 'unknown method AuthStatus for service etcdserverpb.Auth',
      ours: '',
    },
  },
];

export function isKnown(
  request: AnyRequest,
  answers: { readonly theirs: Answer; readonly ours: Answer },
): boolean {
  return known.some(({ covers }) => covers?.(request, answers));
}
