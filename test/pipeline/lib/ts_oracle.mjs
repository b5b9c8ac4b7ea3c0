// ts_oracle.mjs: what the TypeScript compiler itself sees in the files of a repository: declarations and import edges.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

const K = ts.SyntaxKind;

function kindOf(n) {
    switch (n.kind) {
        case K.FunctionDeclaration: return 'function';
        case K.ClassDeclaration: case K.ClassExpression: return 'class';
        case K.InterfaceDeclaration: return 'interface';
        case K.TypeAliasDeclaration: return 'type';
        case K.EnumDeclaration: return 'enum';
        case K.EnumMember: return 'enum_member';
        case K.ModuleDeclaration: return 'namespace';
        case K.MethodDeclaration: case K.MethodSignature: case K.GetAccessor: case K.SetAccessor: return 'method';
        case K.PropertyDeclaration: case K.PropertySignature: return 'property';
        case K.VariableDeclaration: {
            const i = n.initializer;
            if (i && (ts.isArrowFunction(i) || ts.isFunctionExpression(i))) return 'function';
            return i && ts.isClassExpression(i) ? 'class' : 'variable';
        }
        default: return null;
    }
}

/** The literal that an import-like node names, or undefined. */
function specifierOf(n) {
    if ((ts.isImportDeclaration(n) || ts.isExportDeclaration(n)) && n.moduleSpecifier) return n.moduleSpecifier;
    if (ts.isImportEqualsDeclaration(n) && ts.isExternalModuleReference(n.moduleReference)) return n.moduleReference.expression;
    if (ts.isImportTypeNode(n) && ts.isLiteralTypeNode(n.argument)) return n.argument.literal;
    const isImport = ts.isCallExpression(n) && (n.expression.kind === K.ImportKeyword || (ts.isIdentifier(n.expression) && n.expression.text === 'require' && n.arguments.length === 1));
    return isImport ? n.arguments[0] : undefined;
}

export class Oracle {
    #root;
    #tracked;
    #options = new Map();

    constructor(root, tracked) {
        this.#root = realpathSync(root);
        this.#tracked = new Set(tracked);
    }

    /** The options of the nearest tsconfig.json or jsconfig.json inside the repository. */
    #optionsFor(dir) {
        if (this.#options.has(dir)) return this.#options.get(dir);
        const file = ['tsconfig.json', 'jsconfig.json'].map((n) => join(dir, n)).find(existsSync);
        let options = {};
        if (file) {
            const raw = ts.readConfigFile(file, ts.sys.readFile).config ?? {};
            options = ts.parseJsonConfigFileContent(raw, { ...ts.sys, readDirectory: () => [] }, dir, undefined, file).options;
        } else if (dir !== this.#root && dir.startsWith(this.#root)) {
            options = this.#optionsFor(dirname(dir));
        }
        this.#options.set(dir, options);
        return options;
    }

    #resolve(specifier, file) {
        const options = { moduleResolution: ts.ModuleResolutionKind.Bundler, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.Latest, ...this.#optionsFor(dirname(file)), allowJs: true };
        const found = ts.resolveModuleName(specifier, file, options, ts.sys).resolvedModule;
        const path = found && relative(this.#root, realpathSync(found.resolvedFileName));
        return path && this.#tracked.has(path) ? path : null;
    }

    /** { declarations: [{ name, kind, line, local }], edges: [{ specifier, target }] } of one file; target null = not inside. */
    read(path) {
        const file = join(this.#root, path);
        const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
        const declarations = [];
        const edges = [];
        const walk = (n, depth) => {
            const kind = kindOf(n);
            if (kind && n.name && (ts.isIdentifier(n.name) || ts.isStringLiteral(n.name) || ts.isPrivateIdentifier(n.name))) {
                declarations.push({ name: n.name.text, kind, line: source.getLineAndCharacterOfPosition(n.name.getStart()).line + 1, local: depth > 0 });
            }
            const specifier = specifierOf(n);
            if (specifier && ts.isStringLiteralLike(specifier)) edges.push({ specifier: specifier.text, target: this.#resolve(specifier.text, file) });
            const inner = depth + (ts.isFunctionLike(n) && !ts.isMethodSignature(n) ? 1 : 0);
            ts.forEachChild(n, (c) => walk(c, inner));
        };
        walk(source, 0);
        return { declarations, edges };
    }
}
