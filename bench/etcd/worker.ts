/**
 * What runs in processes of its own: one of the clients, which says `begin` when it has warmed up and
 * then, as JSON, what it found; or, loaded into a server before it starts (`node --import`), what takes
 * profiles of it.
 */
import type { LoadAsked, WatchAsked } from './load.ts';
import { manyKeysLoad } from './many-keys.ts';
import { profileOnSignal } from './profile-hook.ts';
import { watchersLoad } from './watchers.ts';

const [, , what, asked = ''] = process.argv;
const begun = (): void => console.log('begin');
const profiles = process.env.QUORATE_BENCH_PROFILE;
if (what === 'many-keys') {
  console.log(JSON.stringify(await manyKeysLoad(JSON.parse(asked) as LoadAsked, begun)));
} else if (what === 'watchers') {
  console.log(JSON.stringify(await watchersLoad(JSON.parse(asked) as WatchAsked, begun)));
} else if (profiles !== undefined) profileOnSignal(profiles);
