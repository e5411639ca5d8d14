/**
 * A member in a process of its own, for tests on real disks: `NAME DIRECTORY NAME=ADDRESS,… [repair]`.
 *
 * It writes all the time, a few writes at once, and says of each when it is acknowledged:
 * `ack WORD`. Asked on its input for `has WORD…` it answers `lacks WORD…` from a linearizable read.
 * It ends with its error's code, or is killed.
 */
import { createInterface } from 'node:readline';
import { type Machine, type MachineRestore, type Outcome, openMember, QuorateError } from 'quorate';

/** Small files and a quick pace: a test starts this hundreds of times. */
const tickMs = 15;
const fileBytes = 2 ** 18;
const writesAtOnce = 4;
/** A pause after each write, so that there is not too much to be replayed. */
const pauseMs = 2;

class Words implements Machine {
  words = new Set<string>();

  apply(command: Uint8Array): Outcome {
    this.words.add(new TextDecoder().decode(command));
    return { ok: true, value: this.words.size };
  }

  snapshot(): Iterator<Uint8Array, void> {
    const whole = new TextEncoder().encode([...this.words].join(' '));
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < whole.length; at += 65_536) chunks.push(whole.subarray(at, at + 65_536));
    return chunks.values();
  }

  restore(): MachineRestore {
    const decoder = new TextDecoder();
    let whole = '';
    return {
      chunk: (part) => {
        whole += decoder.decode(part, { stream: true });
      },
      finish: () => {
        this.words = new Set(whole.split(' ').filter((word) => word !== ''));
      },
    };
  }
}

const [name = '', dataDir = '', list = '', repair] = process.argv.slice(2);
const peers = list.split(',').map((pair) => {
  const [peer = '', address = ''] = pair.split('=');
  return { name: peer, address };
});
const log = { segmentBytes: fileBytes, reserveBytes: fileBytes, batchBytesMax: 65_536 };

try {
  const settings = { log, snapshotAfterBytes: 16_384 };
  const member = await openMember({
    name,
    dataDir,
    peers,
    tickMs,
    settings,
    repair: repair === 'repair',
  });
  void member.closed.then((error) => end(error?.code ?? 'closed'));
  const group = await member.group('words', new Words(), { timeoutMs: 120_000 });
  console.log('ready');
  const life = Date.now().toString(36);
  for (let writer = 0; writer < writesAtOnce; writer++) void write(`${name}-${life}-${writer}`);

  async function write(prefix: string): Promise<void> {
    for (let number = 0; ; number++) {
      const word = `${prefix}-${number}`;
      try {
        await group.propose(new TextEncoder().encode(word));
        console.log(`ack ${word}`);
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  createInterface({ input: process.stdin }).on('line', (line) => {
    const [, ...words] = line.split(' ');
    void answer(words);
  });

  async function answer(words: readonly string[]): Promise<void> {
    for (;;) {
      try {
        const lacking = await group.read((machine) =>
          words.filter((word) => !machine.words.has(word)),
        );
        return console.log(`lacks ${lacking.join(' ')}`);
      } catch (error) {
        if (!(error instanceof QuorateError && error.retryable)) throw error;
      }
    }
  }
} catch (error) {
  end(error instanceof QuorateError ? error.code : String(error));
}

function end(code: string): void {
  process.stdout.write(`ended ${code}\n`, () => process.exit(1));
}
