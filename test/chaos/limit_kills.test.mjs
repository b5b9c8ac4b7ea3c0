// Limits and kills for long: every fault point of lanes, slots, pauses, fillings, notes and rounds at several hits, on both engines.
process.env.CHAOS = '1';
await import('../e2e/limit_kills.test.mjs');
