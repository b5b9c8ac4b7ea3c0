/* code.h: what is known about a source file: its symbols, its imports, and where it could not be understood. Made by an
 * extractor, carried between processes as bytes, stored by codeindex.h. Pure data: no file is read here. */
#ifndef STINT_CODEINDEX_CODE_H
#define STINT_CODEINDEX_CODE_H

#include "base/arena.h"
#include "base/buf.h"

/* The numbers of these lists are stored in index files and sent between processes: append only. */
enum code_lang {
    CODE_NO_LANG,
    CODE_TYPESCRIPT,
    CODE_TSX,
    CODE_JAVASCRIPT,
    CODE_PYTHON,
    CODE_C,
    CODE_LANG_COUNT
};

enum code_kind {
    CODE_FUNCTION,
    CODE_METHOD,
    CODE_CLASS,
    CODE_INTERFACE,
    CODE_TYPE,
    CODE_ENUM,
    CODE_ENUM_MEMBER,
    CODE_NAMESPACE,
    CODE_PROPERTY,
    CODE_FIELD,
    CODE_CONSTANT,
    CODE_VARIABLE,
    CODE_STRUCT,
    CODE_UNION,
    CODE_MACRO,
    CODE_KIND_COUNT
};

enum code_flag {
    CODE_EXPORTED = 1 << 0, /* can be named from another file */
    CODE_DEFAULT = 1 << 1,  /* the module's default export */
    CODE_ASYNC = 1 << 2,
    CODE_STATIC = 1 << 3,
    CODE_ABSTRACT = 1 << 4,
    CODE_OVERLOAD = 1 << 5,    /* a signature without a body beside the one that has it */
    CODE_DECLARATION = 1 << 6, /* tells that something exists elsewhere: a prototype, `declare`, `extern` */
    CODE_LOCAL = 1 << 7,       /* inside a function */
    CODE_PRIVATE = 1 << 8,     /* private, protected, #name, _name */
    CODE_ALL_FLAGS = (1 << 9) - 1
};

enum code_import_kind {
    CODE_IMPORT_STATIC,
    CODE_IMPORT_TYPE_ONLY,   /* import type … from */
    CODE_IMPORT_SIDE_EFFECT, /* import "x" */
    CODE_IMPORT_RE_EXPORT,   /* export { a } from "x" */
    CODE_IMPORT_EXPORT_ALL,  /* export * from "x" */
    CODE_IMPORT_DYNAMIC,     /* import("x") */
    CODE_IMPORT_REQUIRE,     /* require("x"), import a = require("x") */
    CODE_IMPORT_TYPE,        /* import("x").T, in a type */
    CODE_IMPORT_FROM,        /* Python: from x import a */
    CODE_IMPORT_INCLUDE,     /* C: #include "x" */
    CODE_IMPORT_INCLUDE_SYSTEM,
    CODE_IMPORT_KIND_COUNT
};

struct code_symbol {
    struct str name, signature, doc;
    enum code_kind kind;
    unsigned flags;          /* enum code_flag */
    int line, col, end_line; /* of the name, from 1; col counts bytes */
    int parent;              /* index of the symbol around it, -1 = none; always less than its own */
};

struct code_import {
    struct str specifier; /* as written, unquoted */
    struct str
        names; /* what is taken from it, by comma: "default,useState"; "*" = all; "" = nothing by name */
    enum code_import_kind kind;
    bool is_computed; /* not a literal: nobody can tell its target */
    int line, col;
};

struct code_error {
    int line, end_line;
};

#define CODE_MAX_ERRORS          20 /* kept per file; error_count goes on */
#define CODE_MAX_SYMBOLS         (1 << 18)
#define CODE_MAX_IMPORTS         (1 << 16)
#define CODE_MAX_SIGNATURE_BYTES 200
#define CODE_MAX_DOC_BYTES       1024
#define CODE_MAX_NAME_BYTES      512
#define CODE_MAX_SPECIFIER_BYTES 2048
#define CODE_MAX_NAMES_BYTES     16384

/* One file as it was understood. Grows by code_add_*; its lists and texts live in `a`. */
struct code_parsed {
    struct arena *a;
    struct code_symbol *symbols;
    struct code_import *imports;
    size_t symbol_count, symbol_room, import_count, import_room;
    struct code_error errors[CODE_MAX_ERRORS];
    int error_count; /* > 0: the file is partial */
    bool is_cut;     /* over a limit: something at its end is missing; partial too */
    bool is_latin1;  /* was not UTF-8 */
    int64_t line_count;
};

/* Appends a copy of s or i (not of its texts). Returns the new index, or -1 over the limit (is_cut is set). */
int code_add_symbol(struct code_parsed *p, const struct code_symbol *s);
int code_add_import(struct code_parsed *p, const struct code_import *i);
void code_add_error(struct code_parsed *p, int line, int end_line);

/* As bytes, and back. The bytes may come from a stranger: RC_INVALID for whatever code_encode cannot have written.
 * Decoded texts point into `bytes`; lists live in `a`. */
void code_encode(const struct code_parsed *p, struct buf *out);
MUST_CHECK enum rc code_decode(struct str bytes, struct arena *a, struct code_parsed *out, struct err *e);

const char *code_lang_name(enum code_lang l); /* "typescript" */
const char *code_kind_name(enum code_kind k); /* "enum_member" */
const char *code_import_kind_name(enum code_import_kind k);
MUST_CHECK bool code_kind_parse(struct str name, enum code_kind *out);
MUST_CHECK bool code_lang_parse(struct str name, enum code_lang *out);
/* The language of a path by its last extension; CODE_NO_LANG when none is known. */
enum code_lang code_lang_of_path(struct str path);
/* True for paths that hold tests by convention: a folder test, tests, __tests__, spec…; foo.test.ts, test_foo.py. */
bool code_path_is_test(struct str path);

#endif
