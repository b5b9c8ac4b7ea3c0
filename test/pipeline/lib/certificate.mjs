// A certificate that has signed itself, for a server that nobody should believe.
import { createSign, generateKeyPairSync } from 'node:crypto';

/** DER: a tag, the length, and what is in it. */
function der(tag, ...parts) {
    const body = Buffer.concat(parts);
    const n = body.length;
    return Buffer.concat([Buffer.from(n < 128 ? [tag, n] : n < 256 ? [tag, 0x81, n] : [tag, 0x82, n >> 8, n & 255]), body]);
}
const sequence = (...parts) => der(0x30, ...parts);
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const ALTERNATIVE_NAME = Buffer.from('0603551d11', 'hex');
const day = (n) => der(0x17, Buffer.from(`${new Date(Date.now() + n * 86400000).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));

/** For this address, good from so many days from now to so many. */
export function makeCertificate(address, from, to) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const name = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(address)))));
    const addresses = sequence(der(0x87, Buffer.from(address.split('.').map(Number))));
    const extensions = der(0xa3, sequence(sequence(ALTERNATIVE_NAME, der(0x04, addresses))));
    const body = sequence(der(0xa0, der(0x02, Buffer.from([2]))), der(0x02, Buffer.from([1])), sequence(ECDSA_WITH_SHA256), name, sequence(day(from), day(to)), name, publicKey.export({ type: 'spki', format: 'der' }), extensions);
    const signature = createSign('sha256').update(body).sign(privateKey);
    const whole = sequence(body, sequence(ECDSA_WITH_SHA256), der(0x03, Buffer.from([0]), signature));
    const lines = whole.toString('base64').match(/.{1,64}/g).join('\n');
    return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n` };
}
