// body.mjs: the bodies of requests to servers of tests.

/** The whole body, or undefined when the client went before its end: workers are stopped, and killed, whatever they do. */
export async function bodyOf(request) {
    const pieces = [];
    try {
        for await (const piece of request) pieces.push(piece);
    } catch (error) {
        if (error.code !== 'ECONNRESET') throw error;
        return undefined;
    }
    return Buffer.concat(pieces);
}
