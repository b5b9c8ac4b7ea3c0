// random_schema.mjs: random JSON Schemas and random values that have a chance to keep to them. `random(n)` gives 0 … n - 1.
const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'];
const NAMES = ['a', 'b', 'c/d', 'é'];
const TEXTS = ['', 'a', 'ab', 'Abc', 'é\u{1F409}', '2024-02-29', '2023-02-29', '10:00:00Z', '2024-02-29T10:00:00Z', 'a@b.example', 'a@', 'https://a.example/b?c#d', 'x y',
    'b5d6a1c2-1c2d-4e3f-8a9b-0123456789ab'];
const PATTERNS = ['^a', 'b$', '^[A-Z][a-z]+$', '^.$', '\\d{4}', '^(a|b)*$', '\\p{L}', '^\\S+$'];
const FORMATS = ['date', 'date-time', 'email', 'uri', 'uuid'];

export function randomValue(random, depth = 3) {
    const kind = random(depth > 0 ? 7 : 5);
    if (kind === 0) return null;
    if (kind === 1) return random(2) === 0;
    if (kind === 2) return random(7) - 3;
    if (kind === 3) return (random(41) - 20) / 4;
    if (kind === 4) return TEXTS[random(TEXTS.length)];
    if (kind === 5) return Array.from({ length: random(4) }, () => randomValue(random, depth - 1));
    return Object.fromEntries(Array.from({ length: random(4) }, () => [NAMES[random(NAMES.length)], randomValue(random, depth - 1)]));
}

const keywords = {
    type: (r) => (r(3) ? TYPES[r(7)] : [...new Set([TYPES[r(7)], TYPES[r(7)]])]),
    enum: (r) => Array.from({ length: 1 + r(3) }, () => randomValue(r, 1)).filter((v, i, all) => all.findIndex((w) => JSON.stringify(w) === JSON.stringify(v)) === i),
    const: (r) => randomValue(r, 1),
    minimum: (r) => r(7) - 3, maximum: (r) => r(7) - 3, exclusiveMinimum: (r) => (r(7) - 3) / 2, exclusiveMaximum: (r) => (r(7) - 3) / 2, multipleOf: (r) => [1, 2, 0.5, 0.25][r(4)],
    minLength: (r) => r(4), maxLength: (r) => r(4), pattern: (r) => PATTERNS[r(PATTERNS.length)], format: (r) => FORMATS[r(FORMATS.length)],
    minItems: (r) => r(3), maxItems: (r) => r(3), uniqueItems: (r) => r(2) === 0, items: (r, d) => randomSchema(r, d - 1), prefixItems: (r, d) => [randomSchema(r, d - 1), randomSchema(r, d - 1)],
    contains: (r, d) => randomSchema(r, d - 1),
    properties: (r, d) => Object.fromEntries(NAMES.slice(0, 1 + r(4)).map((n) => [n, randomSchema(r, d - 1)])), patternProperties: (r, d) => ({ '^[ab]$': randomSchema(r, d - 1) }),
    additionalProperties: (r, d) => (r(2) ? false : randomSchema(r, d - 1)), propertyNames: (r) => ({ maxLength: 1 + r(3) }), required: (r) => [NAMES[r(4)]],
    minProperties: (r) => r(3), maxProperties: (r) => r(3), dependentRequired: (r) => ({ a: [NAMES[r(4)]] }), dependentSchemas: (r, d) => ({ b: randomSchema(r, d - 1) }),
    allOf: (r, d) => [randomSchema(r, d - 1), randomSchema(r, d - 1)], anyOf: (r, d) => [randomSchema(r, d - 1), randomSchema(r, d - 1)],
    oneOf: (r, d) => [randomSchema(r, d - 1), randomSchema(r, d - 1)], not: (r, d) => randomSchema(r, d - 1),
    if: (r, d) => randomSchema(r, d - 1), then: (r, d) => randomSchema(r, d - 1), else: (r, d) => randomSchema(r, d - 1),
};
const deep = new Set(['items', 'prefixItems', 'contains', 'properties', 'patternProperties', 'additionalProperties', 'dependentSchemas', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else']);

export function randomSchema(random, depth = 3) {
    if (random(12) === 0) return random(2) === 0;
    const names = Object.keys(keywords).filter((k) => depth > 0 || !deep.has(k));
    const schema = {};
    for (let i = 1 + random(3); i > 0; i--) {
        const name = names[random(names.length)];
        schema[name] = keywords[name](random, depth);
    }
    return schema;
}
