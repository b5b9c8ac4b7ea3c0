/* What is found in sources, language by language. Each expectation is one line per symbol: `line kind name flags`, with
 * the names of the symbols around it before its own. */
#include "codeindex/code.h"
#include "kinds/index_repo/extract.h"
#include "test.h"

static const struct extract_limits no_limits = {0};

static void put_qualified(struct buf *out, const struct code_parsed *p, int symbol)
{
    if (p->symbols[symbol].parent >= 0) {
        put_qualified(out, p, p->symbols[symbol].parent);
        buf_append_char(out, '.');
    }
    buf_append_str(out, p->symbols[symbol].name);
}

static void put_flags(struct buf *out, unsigned flags)
{
    static const char *const names[] = {"exported", "default",     "async", "static", "abstract",
                                        "overload", "declaration", "local", "private"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (flags & 1u << i) {
            buf_printf(out, " %s", names[i]);
        }
    }
}

static struct code_parsed parsed_with(struct arena *a, enum code_lang lang, const char *text, struct err *e)
{
    struct code_parsed p = {0};
    OK(extract_file(str_from(text), lang, &no_limits, a, &p, e));
    return p;
}

static void check_symbols(enum code_lang lang, const char *text, const char *want, struct err *e)
{
    struct arena *a = arena_new();
    struct code_parsed p = parsed_with(a, lang, text, e);
    struct buf got = BUF_LIMIT(1 << 20);
    for (size_t i = 0; i < p.symbol_count; i++) {
        buf_printf(&got, "%d %s ", p.symbols[i].line, code_kind_name(p.symbols[i].kind));
        put_qualified(&got, &p, (int)i);
        put_flags(&got, p.symbols[i].flags);
        buf_append_char(&got, '\n');
    }
    CHECK_STR(buf_str(&got), str_from(want));
    buf_dispose(&got);
    arena_free(a);
}

static void check_imports(enum code_lang lang, const char *text, const char *want, struct err *e)
{
    struct arena *a = arena_new();
    struct code_parsed p = parsed_with(a, lang, text, e);
    struct buf got = BUF_LIMIT(1 << 20);
    for (size_t i = 0; i < p.import_count; i++) {
        const struct code_import *m = &p.imports[i];
        buf_printf(&got, "%d %s%s %.*s", m->line, code_import_kind_name(m->kind), m->is_computed ? "?" : "",
                   STR_ARG(m->specifier));
        buf_printf(&got, m->names.n > 0 ? " {%.*s}\n" : "\n", STR_ARG(m->names));
    }
    CHECK_STR(buf_str(&got), str_from(want));
    buf_dispose(&got);
    arena_free(a);
}

/* ---- TypeScript */

TEST(typescript_declarations_are_found_with_their_kinds)
{
    check_symbols(CODE_TYPESCRIPT,
                  "export function f() {}\n"
                  "async function* g() { const inner = () => {}; const x = 1; }\n"
                  "export default class A<T> extends B { run(): void {} }\n"
                  "abstract class C { abstract m(): void; }\n"
                  "interface I { a: number; b(): void }\n"
                  "export type T = { c: string };\n"
                  "enum E { X, Y = 2, \"Z-1\" }\n"
                  "namespace N.M { export const v = 1 }\n"
                  "const arrow = async () => {}, k = 3;\n"
                  "let v2 = function* () {};\n"
                  "const Expr = class Named {};\n",
                  "1 function f exported\n"
                  "2 function g async\n"
                  "2 function g.inner local\n"
                  "3 class A exported default\n"
                  "3 method A.run exported\n"
                  "4 class C abstract\n"
                  "4 method C.m abstract\n"
                  "5 interface I\n"
                  "5 property I.a\n"
                  "5 method I.b\n"
                  "6 type T exported\n"
                  "6 property T.c exported\n"
                  "7 enum E\n"
                  "7 enum_member E.X\n"
                  "7 enum_member E.Y\n"
                  "7 enum_member E.Z-1\n"
                  "8 namespace N\n"
                  "8 namespace N.M\n"
                  "8 constant N.M.v exported\n"
                  "9 function arrow async\n"
                  "9 constant k\n"
                  "10 function v2\n"
                  "11 class Expr\n"
                  "11 class Expr.Named\n",
                  e);
}

TEST(typescript_members_with_odd_names_are_found_and_constructors_are_not)
{
    check_symbols(CODE_TYPESCRIPT,
                  "export class K {\n"
                  "  constructor(private x: number) {}\n"
                  "  \"quoted-key\"() {}\n"
                  "  static async *#gen() {}\n"
                  "  get v() { return 1 }\n"
                  "  [computed]() {}\n"
                  "  private hidden = 1;\n"
                  "  over(a: string): void;\n"
                  "  over(a: any) {}\n"
                  "}\n",
                  "1 class K exported\n"
                  "3 method K.quoted-key exported\n"
                  "4 method K.#gen async static private\n"
                  "5 method K.v exported\n"
                  "7 property K.hidden private\n"
                  "8 method K.over exported overload\n"
                  "9 method K.over exported\n",
                  e);
}

TEST(typescript_ambient_modules_and_late_exports_are_understood)
{
    check_symbols(CODE_TYPESCRIPT,
                  "declare module \"m\" { export const x: number; }\n"
                  "declare global { interface W { a: 1 } }\n"
                  "declare function ext(a: { p: string }): void;\n"
                  "function over(): void;\n"
                  "function over() {}\n"
                  "class Late {}\n"
                  "const other = 1;\n"
                  "export { Late as default, other as renamed };\n",
                  "1 namespace m declaration\n"
                  "1 constant m.x exported declaration\n"
                  "2 namespace global declaration\n"
                  "2 interface global.W declaration\n"
                  "2 property global.W.a\n"
                  "3 function ext declaration\n"
                  "4 function over overload\n"
                  "5 function over\n"
                  "6 class Late exported default\n"
                  "7 constant other exported\n",
                  e);
}

TEST(typescript_variance_of_type_parameters_does_not_confuse)
{
    struct arena *a = arena_new();
    const char *text = "export interface A<in T, out U = 1, in out V extends string> { a: T }\n"
                       "for (const k in obj) { if ('x' in y, out) {} }\n";
    struct code_parsed p = parsed_with(a, CODE_TYPESCRIPT, text, e);
    CHECK_INT(p.error_count, 0);
    CHECK_INT(p.symbol_count, 2);
    CHECK_STR(p.symbols[0].signature, STR("interface A<in T, out U = 1, in out V extends string>"));
    arena_free(a);
}

TEST(typescript_imports_of_every_kind_are_found)
{
    check_imports(CODE_TYPESCRIPT,
                  "import a, { b as c, type d } from './a';\n"
                  "import * as ns from \"ns\";\n"
                  "import type { T } from './t';\n"
                  "import './side';\n"
                  "export { x, y as z } from './re';\n"
                  "export * from './all';\n"
                  "import legacy = require('legacy');\n"
                  "const l = await import('./dyn');\n"
                  "const r = require(`./req`);\n"
                  "let t: import('./type').Foo;\n"
                  "import(`./locale/${name}`);\n",
                  "1 import ./a {default,b,d}\n"
                  "2 import ns {*}\n"
                  "3 type_only ./t {T}\n"
                  "4 side_effect ./side\n"
                  "5 re_export ./re {x,y}\n"
                  "6 export_all ./all {*}\n"
                  "7 require legacy\n"
                  "8 dynamic ./dyn\n"
                  "9 require ./req\n"
                  "10 type ./type\n"
                  "11 dynamic? `./locale/${name}`\n",
                  e);
}

TEST(javascript_exports_by_commonjs_are_seen)
{
    check_symbols(CODE_JAVASCRIPT,
                  "function a() {}\n"
                  "const b = () => {};\n"
                  "class C { field = 1; m() {} }\n"
                  "const hidden = 1;\n"
                  "module.exports = { a, named: b };\n"
                  "exports.C = C;\n",
                  "1 function a exported\n"
                  "2 function b exported\n"
                  "3 class C exported\n"
                  "3 property C.field exported\n"
                  "3 method C.m exported\n"
                  "4 constant hidden\n",
                  e);
}

TEST(jsx_is_read_in_tsx_and_in_javascript)
{
    const char *text = "export const App = () => <div onClick={() => 1}><b/></div>;\nfunction After() {}\n";
    const char *want = "1 function App exported\n2 function After\n";
    check_symbols(CODE_TSX, text, want, e);
    check_symbols(CODE_JAVASCRIPT, text, want, e);
}

/* ---- Python */

TEST(python_functions_methods_classes_and_names_are_found)
{
    check_symbols(CODE_PYTHON,
                  "LIMIT = 3\n"
                  "name: str = ''\n"
                  "def f(a):\n"
                  "    def inner(): pass\n"
                  "    x = 1\n"
                  "class C(Base):\n"
                  "    field: int = 1\n"
                  "    @staticmethod\n"
                  "    async def run(self): pass\n"
                  "    def _hidden(self): pass\n"
                  "def _private(): pass\n",
                  "1 constant LIMIT exported\n"
                  "2 variable name exported\n"
                  "3 function f exported\n"
                  "4 function f.inner local\n"
                  "6 class C exported\n"
                  "7 field C.field exported\n"
                  "9 method C.run exported async static\n"
                  "10 method C._hidden private\n"
                  "11 function _private private\n",
                  e);
}

TEST(python_export_lists_decide_what_is_exported)
{
    check_symbols(CODE_PYTHON,
                  "__all__ = ['a']\n__all__ += ['c']\ndef a(): pass\ndef b(): pass\ndef c(): pass\n",
                  "3 function a exported\n4 function b\n5 function c exported\n", e);
}

TEST(python_imports_name_one_target_each)
{
    check_imports(CODE_PYTHON,
                  "import a.b, c as d\n"
                  "from . import x, y as z\n"
                  "from ..p.q import (r,\n"
                  "                   s)\n"
                  "from m import *\n"
                  "importlib.import_module('dyn.mod')\n",
                  "1 import a.b\n"
                  "1 import c\n"
                  "2 from . {x}\n"
                  "2 from . {y}\n"
                  "3 from ..p.q {r}\n"
                  "4 from ..p.q {s}\n"
                  "5 from m {*}\n"
                  "6 dynamic dyn.mod\n",
                  e);
}

/* ---- C */

TEST(c_definitions_are_told_apart_from_declarations)
{
    check_symbols(CODE_C,
                  "#define LIMIT 1\n"
                  "#define F(a) a\n"
                  "struct s { int a, *b; int (*fp)(void); };\n"
                  "struct fwd;\n"
                  "typedef struct s s_t, *s_p;\n"
                  "enum e { A, B = 2 };\n"
                  "static const char *const names[] = {0};\n"
                  "extern int g;\n"
                  "int proto(int a);\n"
                  "int (*pointer)(int);\n"
                  "static inline void *fn(int a) { int local; return 0; }\n"
                  "void (*handler(int a, void (*f)(int)))(int) { }\n",
                  "1 macro LIMIT exported\n"
                  "2 macro F exported\n"
                  "3 struct s exported\n"
                  "3 field s.a exported\n"
                  "3 field s.b exported\n"
                  "3 field s.fp exported\n"
                  "5 type s_t exported\n"
                  "5 type s_p exported\n"
                  "6 enum e exported\n"
                  "6 enum_member e.A exported\n"
                  "6 enum_member e.B exported\n"
                  "7 variable names static\n"
                  "8 variable g exported declaration\n"
                  "9 function proto exported declaration\n"
                  "10 variable pointer exported\n"
                  "11 function fn static\n"
                  "12 function handler exported\n",
                  e);
}

TEST(c_is_read_through_macros_around_declarations)
{
    check_symbols(CODE_C,
                  "MUST_CHECK enum rc before(int a);\n"
                  "PRINTF_LIKE(1, 2) static void *both(const char *f, ...) PRINTF_LIKE(1, 2);\n"
                  "int behind(void) NO_RETURN\n{\n    struct x *p = NEW_ARRAY(struct x, 3);\n"
                  "    return va_arg(p, const char *) ? 1 : sizeof(struct x);\n}\n"
                  "FILE *real_type(void);\n"
                  "BOOL also_real(void) { if (1) CALL(2); return 0; }\n"
                  "extern \"C\" {\nAPI int inside(void);\n}\n"
                  "#define TRICKY(x) {\n"
                  "int after(void) { return 0; }\n",
                  "1 function before exported declaration\n"
                  "2 function both static declaration\n"
                  "3 function behind exported\n"
                  "8 function real_type exported declaration\n"
                  "9 function also_real exported\n"
                  "11 function inside exported declaration\n"
                  "13 macro TRICKY exported\n"
                  "14 function after exported\n",
                  e);
    struct arena *a = arena_new();
    struct code_parsed p =
        parsed_with(a, CODE_C, "MUST_CHECK int f(int a) LIKE(1);\nint g(void) { X(a, struct b, 1); }\n", e);
    CHECK_INT(p.error_count, 0);
    CHECK_STR(p.symbols[0].signature, STR("int f(int a) LIKE(1)"));
    arena_free(a);
}

TEST(c_includes_are_found)
{
    check_imports(CODE_C, "#include \"base/a.h\"\n# include <stdio.h>\n#include MACRO_H\n",
                  "1 include base/a.h\n2 include_system stdio.h\n3 include? MACRO_H\n", e);
}

/* ---- texts */

TEST(signatures_end_before_the_body_and_comments_lose_their_frame)
{
    struct arena *a = arena_new();
    struct code_parsed p =
        parsed_with(a, CODE_TYPESCRIPT,
                    "/**\n * Adds two numbers.\n *\n * @returns the sum\n */\n"
                    "export function add(a: number,\n                    b: number): number {\n"
                    "  return a + b;\n}\n"
                    "// one\n// two\nconst f = (x: string) => x;\n"
                    "// far away\n\nclass D {}\n",
                    e);
    CHECK_INT(p.symbol_count, 3);
    CHECK_STR(p.symbols[0].signature, STR("function add(a: number, b: number): number"));
    CHECK_STR(p.symbols[0].doc, STR("Adds two numbers.\n\n@returns the sum"));
    CHECK_INT(p.symbols[0].col, 17);
    CHECK_INT(p.symbols[0].end_line, 9);
    CHECK_STR(p.symbols[1].signature, STR("const f = (x: string)"));
    CHECK_STR(p.symbols[1].doc, STR("one\ntwo"));
    CHECK_STR(p.symbols[2].doc, STR(""));
    arena_free(a);
}

TEST(a_python_docstring_is_the_doc)
{
    struct arena *a = arena_new();
    struct code_parsed p =
        parsed_with(a, CODE_PYTHON, "def f(a: int) -> str:\n    \"\"\"Says a.\n\n    Loudly.\"\"\"\n", e);
    CHECK_STR(p.symbols[0].signature, STR("def f(a: int) -> str"));
    CHECK_STR(p.symbols[0].doc, STR("Says a.\n\nLoudly."));
    arena_free(a);
}

/* ---- broken and hostile files */

TEST(what_follows_a_construct_that_cannot_be_parsed_is_still_found)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1 << 20);
    buf_append_c(&text, "export function before() {}\n\nexport type Broken = <<<{ (((\n");
    for (int i = 0; i < 40; i++) {
        buf_printf(&text, "\nexport function after%d(): void {\n  return;\n}\n", i);
    }
    struct code_parsed p = parsed_with(a, CODE_TYPESCRIPT, buf_c_str(&text), e);
    CHECK_TRUE(p.error_count > 0);
    int found = 0;
    for (size_t i = 0; i < p.symbol_count; i++) {
        found += str_starts(p.symbols[i].name, STR("after")) || str_eq(p.symbols[i].name, STR("before"));
    }
    CHECK_INT(found, 41);
    buf_dispose(&text);
    arena_free(a);
}

TEST(latin_1_is_read_and_told)
{
    struct arena *a = arena_new();
    struct code_parsed p = parsed_with(a, CODE_PYTHON, "def caf\xe9(): pass\n", e);
    CHECK_TRUE(p.is_latin1);
    CHECK_STR(p.symbols[0].name, STR("caf\xc3\xa9"));
    arena_free(a);
}

TEST(crlf_and_a_byte_order_mark_change_nothing)
{
    check_symbols(CODE_TYPESCRIPT,
                  "\xef\xbb\xbf"
                  "export function f() {\r\n}\r\nclass C {\r\n  m() {}\r\n}\r\n",
                  "1 function f exported\n3 class C\n4 method C.m\n", e);
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

TEST(an_extraction_can_be_stopped)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1 << 20);
    for (int i = 0; i < 5000; i++) {
        buf_printf(&text, "const a%d = (1 + 2);\n", i);
    }
    struct extract_limits l = {.should_stop = always};
    struct code_parsed p = {0};
    FAILS(extract_file(buf_str(&text), CODE_TYPESCRIPT, &l, a, &p, e), RC_BUSY);
    l = (struct extract_limits){.max_nodes = 1000};
    OK(extract_file(buf_str(&text), CODE_TYPESCRIPT, &l, a, &p, e));
    CHECK_TRUE(p.is_cut);
    CHECK_TRUE(p.symbol_count > 10 && p.symbol_count < 1000);
    buf_dispose(&text);
    arena_free(a);
}

TEST(deep_nesting_is_walked_without_recursion)
{
    static const char *const hostile[] = {"(", "[", "{", "a(", "function f(){", "<a>", "if(1)"};
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct arena *a = arena_new();
        struct buf text = BUF_LIMIT(8 << 20);
        for (int n = 0; n < 3000; n++) {
            buf_append_c(&text, hostile[i]);
        }
        for (int lang = CODE_TYPESCRIPT; lang < CODE_LANG_COUNT; lang++) {
            struct code_parsed p = {0};
            OK(extract_file(buf_str(&text), (enum code_lang)lang, &no_limits, a, &p, e));
        }
        buf_dispose(&text);
        arena_free(a);
    }
}

/* ---- records as bytes */

TEST(a_record_survives_the_way_between_two_processes)
{
    struct arena *a = arena_new();
    struct code_parsed p = parsed_with(
        a, CODE_TYPESCRIPT, "import { a } from './a';\n/** doc */ export class C { m() {} }\nlet = = ;\n", e);
    struct buf bytes = BUF_LIMIT(1 << 20);
    struct buf again = BUF_LIMIT(1 << 20);
    struct code_parsed back = {0};
    code_encode(&p, &bytes);
    OK(code_decode(buf_str(&bytes), a, &back, e));
    CHECK_INT(back.symbol_count, p.symbol_count);
    CHECK_INT(back.import_count, 1);
    CHECK_STR(back.symbols[0].doc, STR("doc"));
    CHECK_INT(back.error_count, p.error_count);
    code_encode(&back, &again);
    CHECK_STR(buf_str(&again), buf_str(&bytes));
    for (size_t n = 0; n < bytes.n; n++) { /* cut anywhere: refused, never read behind the end */
        FAILS(code_decode(str_sub(buf_str(&bytes), 0, n), a, &back, e), RC_INVALID);
    }
    buf_dispose(&bytes);
    buf_dispose(&again);
    arena_free(a);
}
