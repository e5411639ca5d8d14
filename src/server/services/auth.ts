/** etcd's Auth service: users, roles, permissions and tokens, translated. */
import { create } from '@bufbuild/protobuf';
import type { Permission, PermissionType } from '../../kv/api.ts';
import { headerOf } from '../convert/responses.ts';
import * as authpb from '../proto/gen/authpb/auth_pb.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import { optionsOf, refuseOnLearner, type ServiceHost } from './context.ts';
import type { Handlers } from './registry.ts';

const permissionTypes: readonly PermissionType[] = ['read', 'write', 'read-write'];

const permissionNumbers: Readonly<Record<PermissionType, authpb.Permission_Type>> = {
  read: authpb.Permission_Type.READ,
  write: authpb.Permission_Type.WRITE,
  'read-write': authpb.Permission_Type.READWRITE,
};

export function authHandlers(host: ServiceHost): Handlers<typeof pb.Auth> {
  const { kv } = host;
  const header = () => headerOf(kv.header());
  return {
    async authEnable(_request, call) {
      await kv.authEnable(await optionsOf(host, call));
      return create(pb.AuthEnableResponseSchema, { header: header() });
    },

    async authDisable(_request, call) {
      await kv.authDisable(await optionsOf(host, call));
      return create(pb.AuthDisableResponseSchema, { header: header() });
    },

    async authStatus(_request, call) {
      const { enabled, authRevision } = await kv.authStatus(await optionsOf(host, call));
      return create(pb.AuthStatusResponseSchema, {
        header: header(),
        enabled,
        authRevision: BigInt(authRevision),
      });
    },

    async authenticate({ name, password }, call) {
      const { signal } = call;
      refuseOnLearner(kv);
      // Who asks is what is to be found out: an old token must not stand in the way.
      const token = await kv.authenticate({ name, password }, { signal });
      return create(pb.AuthenticateResponseSchema, { header: header(), token });
    },

    async userAdd({ name, password, options, hashedPassword }, call) {
      const noPassword = options?.noPassword ?? false;
      const request = { name, password, noPassword, hashedPassword };
      await kv.userAdd(request, await optionsOf(host, call));
      return create(pb.AuthUserAddResponseSchema, { header: header() });
    },

    async userGet({ name }, call) {
      const roles = [...(await kv.userGet(name, await optionsOf(host, call)))];
      return create(pb.AuthUserGetResponseSchema, { header: header(), roles });
    },

    async userList(_request, call) {
      const users = [...(await kv.userList(await optionsOf(host, call)))];
      return create(pb.AuthUserListResponseSchema, { header: header(), users });
    },

    async userDelete({ name }, call) {
      await kv.userDelete(name, await optionsOf(host, call));
      return create(pb.AuthUserDeleteResponseSchema, { header: header() });
    },

    async userChangePassword({ name, password, hashedPassword }, call) {
      const request = { name, password, hashedPassword };
      await kv.userChangePassword(request, await optionsOf(host, call));
      return create(pb.AuthUserChangePasswordResponseSchema, { header: header() });
    },

    async userGrantRole({ user, role }, call) {
      await kv.userGrantRole({ user, role }, await optionsOf(host, call));
      return create(pb.AuthUserGrantRoleResponseSchema, { header: header() });
    },

    async userRevokeRole({ name, role }, call) {
      await kv.userRevokeRole({ user: name, role }, await optionsOf(host, call));
      return create(pb.AuthUserRevokeRoleResponseSchema, { header: header() });
    },

    async roleAdd({ name }, call) {
      await kv.roleAdd(name, await optionsOf(host, call));
      return create(pb.AuthRoleAddResponseSchema, { header: header() });
    },

    async roleGet({ role }, call) {
      const permissions = await kv.roleGet(role, await optionsOf(host, call));
      return create(pb.AuthRoleGetResponseSchema, {
        header: header(),
        perm: permissions.map(({ type, key, rangeEnd }) =>
          create(authpb.PermissionSchema, {
            permType: permissionNumbers[type],
            key,
            rangeEnd,
          }),
        ),
      });
    },

    async roleList(_request, call) {
      const roles = [...(await kv.roleList(await optionsOf(host, call)))];
      return create(pb.AuthRoleListResponseSchema, { header: header(), roles });
    },

    async roleDelete({ role }, call) {
      await kv.roleDelete(role, await optionsOf(host, call));
      return create(pb.AuthRoleDeleteResponseSchema, { header: header() });
    },

    async roleGrantPermission({ name, perm }, call) {
      const request = { role: name, permission: permissionOf(perm) };
      await kv.roleGrantPermission(request, await optionsOf(host, call));
      return create(pb.AuthRoleGrantPermissionResponseSchema, { header: header() });
    },

    async roleRevokePermission({ role, key, rangeEnd }, call) {
      await kv.roleRevokePermission({ role, key, rangeEnd }, await optionsOf(host, call));
      return create(pb.AuthRoleRevokePermissionResponseSchema, { header: header() });
    },
  };
}

function permissionOf(permission: authpb.Permission | undefined): Permission | undefined {
  if (permission === undefined) return undefined;
  const type = permissionTypes[permission.permType];
  if (type === undefined) return undefined;
  return { type, key: permission.key, rangeEnd: permission.rangeEnd };
}
