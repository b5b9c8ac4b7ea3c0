// The fault points of the ordinary suite, at more hits of each.
process.env.CHAOS = '1';
await import('../e2e/faults.test.mjs');
await import('../e2e/faults_files.test.mjs');
