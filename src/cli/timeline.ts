/**
 * A short play of three cores: an election, a replicated command, a leader that falls silent, its
 * successor. It shows the core as a host sees it; nothing here is needed to use Quorate.
 */
import { SeededRandom } from '../base/seeded-random.ts';
import { emptyConfiguration } from '../raft/configuration.ts';
import type { Entry } from '../raft/entry.ts';
import { MemoryStorage } from '../raft/memory-storage.ts';
import type { Message } from '../raft/message.ts';
import { Raft } from '../raft/raft.ts';

const members = [1, 2, 3];
/** More than any election needs: the play must end. */
const TICKS_MAX = 200;

interface Actor {
  readonly raft: Raft;
  readonly storage: MemoryStorage;
}

class Play {
  readonly #print: (line: string) => void;
  readonly #actors = new Map<number, Actor>();
  readonly #silent = new Set<number>();
  #tick = 0;

  constructor(print: (line: string) => void, seed: number) {
    this.#print = print;
    const random = new SeededRandom(seed);
    for (const id of members) {
      const storage = new MemoryStorage();
      storage.setConfiguration({ ...emptyConfiguration, voters: members });
      this.#actors.set(id, { storage, raft: new Raft({ id, storage, random: random.fork() }) });
    }
  }

  /** Lets time pass until somebody leads; returns who. */
  untilLed(): number {
    while (this.#tick < TICKS_MAX) {
      this.#tick++;
      for (const [id, { raft }] of this.#actors) {
        if (!this.#silent.has(id)) raft.step({ type: 'tick' });
      }
      this.#exchange();
      for (const [id, { raft }] of this.#actors) {
        if (!this.#silent.has(id) && raft.status().role === 'leader') return id;
      }
    }
    throw new Error('nobody was elected');
  }

  propose(id: number, command: string): void {
    this.#say(id, `is asked to append "${command}"`);
    const data = new TextEncoder().encode(command);
    this.#actors.get(id)!.raft.step({ type: 'propose', entries: [{ type: 'normal', data }] });
    this.#exchange();
  }

  silence(id: number): void {
    this.#say(id, 'falls silent: nothing from it or to it arrives any more');
    this.#silent.add(id);
  }

  /** Does what each Ready asks, and delivers messages, until nobody has anything to do. */
  #exchange(): void {
    for (let busy = true; busy; ) {
      busy = false;
      const mail: Message[] = [];
      for (const [id, actor] of this.#actors) {
        while (!this.#silent.has(id) && actor.raft.hasReady()) {
          busy = true;
          mail.push(...this.#work(id, actor));
        }
      }
      for (const message of mail) {
        if (!this.#silent.has(message.to)) this.#actors.get(message.to)!.raft.step(message);
      }
    }
  }

  #work(id: number, { raft, storage }: Actor): readonly Message[] {
    const { softState, hardState, entries, committed, messages } = raft.ready();
    if (softState !== undefined && softState.role !== 'follower') {
      this.#say(id, `is ${softState.role} in term ${raft.status().term}`);
    }
    if (hardState !== undefined) storage.setHardState(hardState);
    storage.append(entries);
    if (entries.length > 0) this.#say(id, `writes ${entries.map(shown).join(', ')}`);
    if (committed.length > 0) this.#say(id, `applies ${committed.map(shown).join(', ')}`);
    raft.advance();
    return messages;
  }

  #say(id: number, what: string): void {
    this.#print(`${`tick ${this.#tick}`.padEnd(9)} member ${id}  ${what}`);
  }
}

function shown({ term, index, data }: Entry): string {
  const command = new TextDecoder().decode(data);
  return `${term}/${index} ${command === '' ? '(new term)' : `"${command}"`}`;
}

/** Plays it, a line at a time. The same seed plays the same. */
export function playTimeline(print: (line: string) => void, seed = 1): void {
  print('Three members, one log. An entry is written as term/index.');
  const play = new Play(print, seed);
  const first = play.untilLed();
  play.propose(first, 'x = 1');
  const follower = members.find((id) => id !== first)!;
  play.propose(follower, 'y = 2');
  play.silence(first);
  const second = play.untilLed();
  play.propose(second, 'x = 3');
  print('Two of three are a quorum: the group goes on, and nothing that was applied is lost.');
}
