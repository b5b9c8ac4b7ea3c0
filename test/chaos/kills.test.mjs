// The kill loop of the ordinary suite, for long: CHAOS_KILLS lives of the server (1,000).
process.env.KILLS = process.env.CHAOS_KILLS ?? '1000';
await import('../e2e/kill_loop.test.mjs');
