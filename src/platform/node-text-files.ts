/** Files of text on Node. They are looked at now and then: that works on every kind of volume. */
import fs from 'node:fs';
import { QuorateError } from '../base/errors.ts';
import type { Answer, Cancel } from '../ports/callbacks.ts';
import { type TextFiles, textFileBytesMax } from '../ports/text-files.ts';
import { diskError } from './system-errors.ts';

const lookEveryMs = 1_000;

/** See {@link TextFiles}. */
export class NodeTextFiles implements TextFiles {
  read(path: string, answer: Answer<string>): void {
    readWhole(path).then(
      (bytes) => answer(bytes.toString('utf8')),
      (error: unknown) => answer(diskError(error, { doing: 'reading', path })),
    );
  }

  readBytes(path: string, answer: Answer<Uint8Array>): void {
    readWhole(path).then(answer, (error: unknown) =>
      answer(diskError(error, { doing: 'reading', path })),
    );
  }

  watch(paths: readonly string[], changed: () => void): Cancel {
    const marks = new Map<string, string>();
    let looking = false;
    const look = async (tell: boolean): Promise<void> => {
      if (looking) return;
      looking = true;
      let found = false;
      for (const path of paths) {
        // A file that is just being replaced is looked at again the next time.
        const facts = await fs.promises.stat(path).catch(() => undefined);
        if (facts === undefined) continue;
        const mark = `${facts.mtimeMs} ${facts.size} ${facts.ino}`;
        found ||= marks.get(path) !== mark;
        marks.set(path, mark);
      }
      looking = false;
      if (tell && found) changed();
    };
    void look(false);
    const timer = setInterval(() => void look(true), lookEveryMs);
    timer.unref();
    return () => clearInterval(timer);
  }
}

async function readWhole(path: string): Promise<Buffer> {
  const { size } = await fs.promises.stat(path);
  if (size > textFileBytesMax) {
    throw new QuorateError('file-too-large', `${path} has more than ${textFileBytesMax} bytes`);
  }
  return fs.promises.readFile(path);
}
