// openapi.mjs: holds answers of the server against src/api/openapi.json: an unknown status, media type or member fails.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export const document = JSON.parse(readFileSync(new URL('../../../src/api/openapi.json', import.meta.url), 'utf8'));

const ajv = new Ajv2020({ strict: false, allErrors: false });
addFormats(ajv);
ajv.addSchema(document, 'openapi');
const compiled = new Map();

const escape = (part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
const pointer = (parts) => parts.map((p) => `/${escape(p)}`).join('');

/** Every operation: { method, path, operation, matches(pathname) }. */
export const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => {
        const pattern = new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`);
        return { method: method.toUpperCase(), path, operation, matches: (pathname) => pattern.test(pathname) };
    }),
);

/** The operation that a request means, or undefined. Literal paths win over patterns. */
export function operationOf(method, pathname) {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const found = operations.filter((o) => o.method === wanted && o.matches(pathname));
    return found.sort((a, b) => a.path.split('{').length - b.path.split('{').length)[0];
}

function validate(where, value, what) {
    const key = pointer(where);
    if (!compiled.has(key)) compiled.set(key, ajv.compile({ $ref: `openapi#${key}` }));
    const check = compiled.get(key);
    assert.ok(check(value), `${what}: ${ajv.errorsText(check.errors)} in ${JSON.stringify(value)?.slice(0, 600)}`);
}

/** The place of a response in the document, with its $ref followed. */
function responseAt(op, status) {
    const where = ['paths', op.path, op.method.toLowerCase(), 'responses', String(status)];
    const response = op.operation.responses[status];
    assert.ok(response, `${op.method} ${op.path}: status ${status} is not documented`);
    return response.$ref ? response.$ref.split('/').slice(1) : where;
}

const at = (where) => where.reduce((o, part) => o[part], document);

/** Checks one answer. `json` is undefined when the body is none. */
export function checkAnswer(method, url, { status, headers, text, json }) {
    const what = `${method} ${url} → ${status}`;
    const pathname = new URL(url, 'http://x').pathname;
    const type = (headers.get('content-type') ?? '').split(';')[0];
    const op = operationOf(method, pathname);
    if (status >= 400) {
        if (method !== 'HEAD') assert.equal(type, 'application/problem+json', what);
        assert.doesNotMatch(text, /SELECT|INSERT|\/tmp\/|src\/|\.c:\d/, `${what}: tells too much`);
    }
    if (!op) {
        assert.ok([400, 404, 405, 204, 501].includes(status), `${what}: no such operation`);
        if (status >= 400 && json) validate(['components', 'schemas', 'Problem'], json, what);
        return;
    }
    const where = responseAt(op, status);
    const content = at(where).content;
    if (method === 'HEAD' || !content) {
        assert.equal(text, '', `${what}: a body that is not documented`);
        return;
    }
    const media = content[type] ? type : content['*/*'] ? '*/*' : undefined;
    assert.ok(media, `${what}: media type ${type} is not documented`);
    if (/[/+]json$/.test(media)) validate([...where, 'content', media, 'schema'], json, what);
}
