/**
 * Within a server that is measured: at each SIGUSR2 it begins a CPU profile, or ends it and writes it
 * to a file.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

/** @param path of the files, which end in the number of the process */
export function profileOnSignal(path: string): void {
  const session = new Session();
  let running = false;

  process.on('SIGUSR2', () => {
    if (!running) {
      running = true;
      session.connect();
      session.post('Profiler.enable');
      session.post('Profiler.start');
      return;
    }
    running = false;
    session.post('Profiler.stop', (error, { profile }) => {
      if (error === null) {
        writeFileSync(`${path}-${process.pid}`, JSON.stringify(profile));
      }
      session.disconnect();
    });
  });
}
