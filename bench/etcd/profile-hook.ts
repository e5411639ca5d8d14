/**
 * Loaded into a server before it starts (`node --import`): at each SIGUSR2 it begins a CPU profile, or
 * ends it and writes it where `QUORATE_BENCH_PROFILE` says.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

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
      writeFileSync(`${process.env.QUORATE_BENCH_PROFILE}-${process.pid}`, JSON.stringify(profile));
    }
    session.disconnect();
  });
});
