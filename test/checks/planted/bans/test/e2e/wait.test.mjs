import { setTimeout } from 'node:timers/promises';
await new Promise((resolve) => setTimeout(resolve, 100));
test.only('x', () => {});
