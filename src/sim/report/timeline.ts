/** A run told as text: who led, who crashed, what the network did, and what went wrong. */
import type { RunResult } from '../run/run.ts';
import type { StoryEvent } from '../run/story.ts';

/** How much of a story is told before the end; the rest is on the page. */
const linesMax = 60;

/** The story of a run that failed. */
export function timeline({ story, standing, findings }: RunResult): string {
  const events = story.slice(-linesMax);
  const left = story.length - events.length;
  const lines = [
    ...(left > 0 ? [`  (${left} events before)`] : []),
    ...events.map((event) => `  ${lineOf(event)}`),
    ...(standing.length > 0 ? ['', 'In the end:', ...standing.map((line) => `  ${line}`)] : []),
  ];
  const others = findings.slice(1).map(({ rule, message }) => `  ${rule}: ${message}`);
  if (others.length > 0) lines.push('', 'Also found:', ...others);
  return lines.join('\n');
}

/** One event in one line. */
export function lineOf({ atMs, who, kind, text }: StoryEvent): string {
  const time = `${(atMs / 1000).toFixed(3)} s`.padStart(10);
  return `${time}  ${(who ?? '').padEnd(3)} ${marks[kind]} ${text}`;
}

const marks: Readonly<Record<StoryEvent['kind'], string>> = {
  fault: '!',
  heal: '+',
  start: '+',
  end: '-',
  leader: '*',
  membership: '#',
  phase: '=',
  violation: '✗',
};
