/** The systems that are three alike members: how each is started, and what to try then. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtPath, programs } from '../programs.mjs';

const names = ['a', 'b', 'c'];

/** @type {import('./trio.mjs').System} */
export const counters = {
  name: 'counters',
  readyText: ' serves ',
  args: ({ index, data, ports }) => {
    const peers = names.map((name, i) => `${name}=127.0.0.1:${ports[i]?.raft}`).join(',');
    const flags = ['--name', names[index] ?? '', '--peers', peers, '--data', data];
    return [builtPath(programs.counters), ...flags, '--port', `${ports[index]?.api}`];
  },
  explain: ([first, second, third]) => `
Put on one, count on another, read from the third:
  curl -d '{"key":1,"value":2}' http://127.0.0.1:${first?.api}/put
  curl -d '{"key":1,"value":5}' http://127.0.0.1:${second?.api}/inc
  curl -d '{"key":1}' http://127.0.0.1:${third?.api}/get`,
};

/** @type {import('./trio.mjs').System} */
export const raftKv = {
  name: 'raft-kv',
  readyText: 'service ready',
  args: ({ index, data, ports }) => {
    const nodes = ports.map(({ raft }, i) => ({
      ID: `node${i + 1}`,
      Endpoint: `localhost:${raft}`,
    }));
    const config = join(data, 'config.json');
    writeFileSync(config, `${JSON.stringify({ ID: `node${index + 1}`, Nodes: nodes })}\n`);
    return [builtPath(programs.raftKv), '--config', config, '--data', join(data, 'state')];
  },
  explain: ([first, second, third]) => `
Put through one, get through another, watch the third:
  echo '{"id":1,"method":"KV.Put","params":{"key":"a","value":"b"}}' | nc -q 1 localhost ${first?.raft}
  echo '{"id":2,"method":"KV.Get","params":{"key":"a"}}' | nc -q 1 localhost ${second?.raft}
  (echo '{"id":3,"method":"Raft.Events"}'; cat) | nc localhost ${third?.raft}`,
};
