// The OpenAPI document: valid by itself, given by the server as it is in the source, and held against what the server says.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { checkAnswer, document, operationOf, operations } from './lib/openapi.mjs';
import { startServer } from './lib/server.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(() => server.stop());

test('the document is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone(document));
    assert.ok(result.valid, JSON.stringify(result.errors)?.slice(0, 2000));
});

test('the server gives the document itself', async () => {
    const answer = await server.call('GET', '/openapi.json', undefined, { key: null });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json, document);
});

test('every object in it says which members it has, and every operation has a name of its own', () => {
    const loose = [];
    const walk = (node, path) => {
        if (node === null || typeof node !== 'object') return;
        if (node.type === 'object' && node.properties && node.additionalProperties !== false) loose.push(path);
        for (const [k, v] of Object.entries(node)) walk(v, `${path}/${k}`);
    };
    walk(document, '');
    assert.deepEqual(loose, []);
    assert.equal(new Set(operations.map((o) => o.operation.operationId)).size, operations.length);
});

test('no operation is open that does not say so', async () => {
    for (const { method, path, operation } of operations) {
        const url = path.replace(/\{id\}/, '0199f3c8-7a10-7000-8000-000000000001').replace(/\{[^}]+\}/g, 'x');
        const answer = await server.call(method, url, undefined, { key: null });
        const isOpen = operation.security?.length === 0 || operation.security?.some((s) => Object.keys(s).length === 0);
        assert.equal(answer.status === 401, !isOpen, `${method} ${path} answered ${answer.status}`);
        if (!isOpen) assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="stint"');
    }
});

test('the check finds an answer that is not documented', async () => {
    const { headers } = await server.call('GET', '/livez');
    const answer = (status, json) => ({ status, headers, text: JSON.stringify(json), json });
    checkAnswer('GET', '/livez', answer(200, { status: 'alive' }));
    assert.throws(() => checkAnswer('GET', '/livez', answer(200, { status: 'alive', more: 1 })), /additional properties/);
    assert.throws(() => checkAnswer('GET', '/livez', answer(200, { status: 'odd' })), /allowed values/);
    assert.throws(() => checkAnswer('GET', '/livez', answer(202, { status: 'alive' })), /not documented/);
    assert.equal(operationOf('POST', '/v1/jobs/cancel').operation.operationId, 'cancelJobs');
});
