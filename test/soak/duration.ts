/** How long a soak test goes on: `npm run soak -- --minutes N` says it, for each test. */
const minutes = Number(process.env.QUORATE_SOAK_MINUTES ?? '10');

export const soakDurationMs = minutes * 60_000;
