// need_postgres.mjs: for files whose every test needs PostgreSQL. SKIP is for test(): why they are left out, or false.
import { CLUSTER } from './postgres.mjs';

export const SKIP = CLUSTER ? false : 'no PostgreSQL: run by test/pg/cluster.sh';
if (SKIP && (process.env.REQUIRE ?? '').split(/[ ,]+/).includes('pg')) throw new Error(`REQUIRE=pg, but ${SKIP}`);
