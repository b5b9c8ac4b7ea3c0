// 600 pages through ten kills.
process.env.CHAOS = '1';
await import('../pipeline/crawl_kills.test.mjs');
