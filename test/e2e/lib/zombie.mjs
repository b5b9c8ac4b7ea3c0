// zombie.mjs: a worker in a process of its own, so that a test can stop it. It claims one job and prints it; then each line on
// standard input is a report, and its answer is printed.
import { createInterface } from 'node:readline';

const { URL_, KEY, CLAIM } = process.env;
async function post(path, body) {
    const answer = await fetch(URL_ + path, { method: 'POST', headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }, body });
    const text = await answer.text();
    console.log(JSON.stringify({ status: answer.status, json: text ? JSON.parse(text) : undefined }));
}
await post('/v1/claims', CLAIM);
for await (const line of createInterface({ input: process.stdin })) await post('/v1/reports', line);
