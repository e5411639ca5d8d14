/**
 * The rooms of src/ and who may stand on whom: the table behind "Direction of imports" in
 * ARCHITECTURE.md. Each room names what it may import besides itself.
 */
const ports = ['base'];
const cores = ['base', 'ports'];
const engine = [...cores, 'raft', 'swim', 'mvcc', 'store'];
const machine = [...engine, 'engine'];
const member = [...machine, 'machine'];
const kv = [...member, 'member'];
const services = [...kv, 'kv', 'grpc'];
const cli = [...services, 'server', 'client', 'gossip', 'sim', 'doors'];
const sim = [...services, 'client', 'gossip'];

/** What each room may import, beside its own files. `doors` are the files directly in src/. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  ports,
  raft: cores,
  swim: cores,
  mvcc: [...cores, 'store'],
  store: cores,
  engine,
  machine,
  member,
  kv,
  grpc: cores,
  http2: cores,
  gossip: [...cores, 'swim'],
  server: services,
  client: services,
  sim,
  cli,
  // It fills in the ports, and knows nothing of those who use them.
  platform: [...cores, 'http2'],
  // `sim` is the business of its own door alone: see the rule.
  doors: [...services, 'server', 'client', 'gossip', 'platform', 'doors'],
};

/** Rooms that only compute: no world in them, so that the same input gives the same output. */
export const pureRooms: ReadonlySet<string> = new Set([
  'base',
  'raft',
  'swim',
  'mvcc',
  'engine',
  'http2',
]);

/**
 * Rooms that are being built before the door that will lead to them, by that door. While it is not
 * there, dead files are to be expected in them; once it is, the line has to go.
 */
export const underConstruction: Readonly<Record<string, readonly string[]>> = {
  // Its client speaks to servers of etcd: so far only tests do.
  'src/etcd-client.ts': ['grpc'],
};

/** The room that a file of src/ lies in; undefined for any other file. */
export function roomOf(path: string): string | undefined {
  const parts = path.split('/');
  if (parts[0] !== 'src') return undefined;
  return parts.length === 2 ? 'doors' : parts[1];
}
