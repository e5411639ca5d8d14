/** Power lost at all three members at once, again and again, on a real file system. */
import { freePorts, until } from '../processes/waiting.ts';
import { JournalProcess } from './journal-process.ts';
import { LoopDisk } from './loop-disk.ts';

const names = ['a', 'b', 'c'];
/** What is acknowledged before the power goes, at least. */
const wordsMin = 40;
const limitMs = 60_000;

/** Loses the power `tries` times; throws if a word that was acknowledged is not there afterwards. */
export async function losePowerAgainAndAgain(tries: number): Promise<number> {
  const disk = new LoopDisk();
  let members: JournalProcess[] = [];
  try {
    const ports = await freePorts(names.length);
    const peers = names.map((name, i) => `${name}=127.0.0.1:${ports[i]}`).join(',');
    const start = (): void => {
      members = names.map(
        (name) => new JournalProcess({ name, directory: `${disk.directory}/${name}`, peers }),
      );
    };
    let count = 0;
    let last: string[] = [];
    for (let loss = 1; loss <= tries; loss++) {
      start();
      const goesOn = (): void => {
        const ended = members.find(({ running }) => !running);
        if (ended !== undefined) throw new Error(`loss ${loss}: ${ended.log}`);
      };
      await until(
        `all to be ready, ${loss}`,
        () => {
          goesOn();
          return members.every(({ ready }) => ready);
        },
        limitMs,
      );
      const lacking = await members[loss % 3]!.lacking(last, limitMs);
      if (lacking !== '') throw new Error(`loss ${loss}: acknowledged and lost: ${lacking}`);
      await until(
        'words to be acknowledged',
        () => {
          goesOn();
          return members.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0) > wordsMin;
        },
        limitMs,
      );
      // The power goes under running processes, or takes them along.
      const first = loss % 2 === 0;
      if (first) disk.losePower();
      for (const member of members) member.killNow();
      if (!first) disk.losePower();
      for (const member of members) await member.kill();
      last = members.flatMap(({ acknowledged }) => acknowledged);
      count += last.length;
      await disk.remount();
    }
    start();
    const lacking = await (async () => {
      await until('all to be ready', () => members.every(({ ready }) => ready), limitMs);
      return members[0]!.lacking(last, limitMs);
    })();
    if (lacking !== '') throw new Error(`acknowledged and lost: ${lacking}`);
    return count;
  } finally {
    for (const member of members) await member.kill();
    disk.remove();
  }
}
