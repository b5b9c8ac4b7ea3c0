// Schedules and kills for long: every fault point of a round at several hits, on both engines.
process.env.CHAOS = '1';
await import('../e2e/schedule_kills.test.mjs');
