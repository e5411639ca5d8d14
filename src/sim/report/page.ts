/**
 * A failed run as one page of HTML that needs nothing else: a lane for each member, with who led
 * when, what was done to whom, and what was found; below it the story in words. All text is escaped,
 * and there is no script.
 */
import type { RunResult } from '../run/run.ts';
import type { StoryEvent } from '../run/story.ts';

const laneHeight = 34;
const width = 1100;
const left = 60;

const colours: Readonly<Record<StoryEvent['kind'], string>> = {
  fault: '#c2410c',
  heal: '#15803d',
  start: '#15803d',
  end: '#6b7280',
  leader: '#1d4ed8',
  membership: '#7e22ce',
  phase: '#111827',
  violation: '#dc2626',
};

/** What the page says beside the run itself. */
export interface PageFacts {
  readonly title: string;
  /** The command that repeats the run. */
  readonly replay: string;
}

/** The page, as text. */
export function page(result: RunResult, { title, replay }: PageFacts): string {
  const { story, standing, findings, plan } = result;
  const endMs = Math.max(1, result.virtualMs);
  const names = [...new Set(story.flatMap(({ who }) => who ?? []))].sort();
  const lanes = ['', ...names];
  const xOf = (atMs: number): number => left + (atMs / endMs) * (width - left - 20);
  const yOf = (who: string | undefined): number =>
    20 + laneHeight * Math.max(0, lanes.indexOf(who ?? ''));
  const height = 40 + laneHeight * lanes.length;
  const grid = lanes.map((name) => {
    const y = yOf(name);
    return (
      `<line x1="${left}" x2="${width - 20}" y1="${y}" y2="${y}" stroke="#e5e7eb"/>` +
      `<text x="8" y="${y + 4}">${escaped(name === '' ? 'world' : name)}</text>`
    );
  });
  const dots = story.map(({ atMs, who, kind, text }) => {
    const size = kind === 'violation' ? 7 : 4;
    return (
      `<circle cx="${xOf(atMs).toFixed(1)}" cy="${yOf(who)}" r="${size}" fill="${colours[kind]}">` +
      `<title>${escaped(`${(atMs / 1000).toFixed(3)} s: ${text}`)}</title></circle>`
    );
  });
  const leads = leadership(story, endMs).map(({ who, fromMs, toMs, text }) => {
    const x = xOf(fromMs);
    const y = yOf(who) + 7;
    return (
      `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(1, xOf(toMs) - x).toFixed(1)}" ` +
      `height="6" fill="#93c5fd"><title>${escaped(text)}</title></rect>`
    );
  });
  const ticks = Array.from({ length: 11 }, (_, at) => {
    const atMs = (endMs * at) / 10;
    return `<text x="${xOf(atMs).toFixed(1)}" y="${height - 6}" fill="#6b7280">${(atMs / 1000).toFixed(1)} s</text>`;
  });
  const rows = story.map(
    ({ atMs, who, kind, text }) =>
      `<tr><td>${(atMs / 1000).toFixed(3)}</td><td>${escaped(who ?? '')}</td>` +
      `<td style="color:${colours[kind]}">${kind}</td><td>${escaped(text)}</td></tr>`,
  );
  const found = findings.map(
    ({ rule, message }) => `<p><b>${escaped(rule)}</b></p><pre>${escaped(message)}</pre>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body{font:14px/1.45 system-ui,sans-serif;margin:24px;color:#111827;max-width:1140px}
pre{white-space:pre-wrap;background:#f3f4f6;padding:8px 12px}
table{border-collapse:collapse}td{padding:2px 10px;vertical-align:top;border-top:1px solid #e5e7eb}
svg text{font:12px system-ui,sans-serif}
</style></head><body>
<h1>${escaped(title)}</h1>
${found.join('\n')}
<p>Seed ${plan.seed}, ${plan.members} members, ${plan.faults.length} faults planned,
${result.events} events in ${(result.virtualMs / 1000).toFixed(1)} virtual seconds,
${result.operations.done} operations answered. Repeat it with:</p>
<pre>${escaped(replay)}</pre>
<svg width="${width}" height="${height}" role="img" aria-label="What happened when, member by member">
${grid.join('')}${leads.join('')}${dots.join('')}${ticks.join('')}</svg>
<h2>In the end</h2>
<pre>${escaped(standing.join('\n'))}</pre>
<h2>What happened</h2>
<table>${rows.join('\n')}</table>
</body></html>
`;
}

interface Lead {
  readonly who: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly text: string;
}

/** Who led, from each election to the next of the same group. */
function leadership(story: readonly StoryEvent[], endMs: number): Lead[] {
  const leads: Lead[] = [];
  const elections = story.filter(
    ({ kind, text }) => kind === 'leader' && !text.includes('group 0'),
  );
  for (const [at, { who, atMs, text }] of elections.entries()) {
    const toMs = elections[at + 1]?.atMs ?? endMs;
    if (who !== undefined) leads.push({ who, fromMs: atMs, toMs, text });
  }
  return leads;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
