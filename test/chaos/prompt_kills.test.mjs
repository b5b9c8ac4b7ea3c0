// 600 prompts through five kills, on both engines.
process.env.CHAOS = '1';
await import('../pipeline/prompt_kills.test.mjs');
