#!/usr/bin/env python3
"""score.py [PAGES]: how true the Markdown of real documentation is (make bench-md).

Takes PAGES (25) of each site below that is installed, converts them with build/release/stint md, and compares with what
Python's own HTML parser finds in the page's content container (which the converter is not told):

  P, R      of the words of the container, those in the Markdown, and the other way round
  code      <pre> blocks whose text stands in a fence, byte for byte but for blanks at the ends of lines
  language  those with a language by class that have one in the fence
  headings  h1 to h6 that are headings (those of admonitions are titles of quotes, and are counted, too)
  absolute  links that begin with a scheme
  marks     permalinks (the pilcrow) left, in all

Then the speed on one core (of its time, so that others on the machine count little), beside libxml2 making a tree of the same pages. Ends with 1 below a target of docs/markdown.md.
Another site? Add a row. DOCS=FOLDER looks below it first, for packages that dpkg-deb -x has put there.
"""
import collections, html.parser, json, os, re, subprocess, sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
VOID = set('area base br col embed hr img input link meta param source track wbr'.split())
HEADINGS = set('h1 h2 h3 h4 h5 h6'.split())
SILENT = {'script', 'style', 'noscript', 'template', 'svg', 'title', 'button'}
NO_LANGUAGE = {'default', 'none', 'text', 'notranslate', 'plaintext'}

# name, Debian package, folder, is the container, is not the container's text
SITES = [
    ('Sphinx', 'python3-doc', '/usr/share/doc/python3/html', lambda t, a: a.get('role') == 'main', ('headerlink',)),
    ('DocBook', 'postgresql-doc-15', '/usr/share/doc/postgresql-doc-15/html', lambda t, a: t == 'body', ('navheader', 'navfooter', 'id_link')),
    ('asciidoc', 'git-doc', '/usr/share/doc/git/html', lambda t, a: t == 'body', ('footer',)),
    ('Doxygen', 'libeigen3-doc', '/usr/share/doc/libeigen3-dev/html', lambda t, a: t == 'div' and a.get('class') == 'contents', ('ttc', 'lineno')),
    ('Sphinx, 2', 'python-django-doc', '/usr/share/doc/python-django-doc/html', lambda t, a: a.get('class') == 'yui-g', ('headerlink',)),
    ('marked', 'nodejs-doc', '/usr/share/doc/nodejs/api', lambda t, a: a.get('id') == 'apicontent', ('mark',)),
]
TARGETS = {'P': .98, 'R': .98, 'code': .99, 'language': .95, 'headings': .99, 'absolute': 1.0}


class Container(html.parser.HTMLParser):
    """Text, code blocks and headings of the container."""

    def __init__(self, is_container, dropped):
        super().__init__(convert_charrefs=True)
        self.is_container, self.dropped = is_container, set(dropped)
        self.stack = []      # (tag, classes, is hidden, is content)
        self.text, self.code, self.headings = [], [], []
        self.pre = self.heading = self.pre_language = None
        self.flavours = 0    # codes with a language in this pre

    def handle_starttag(self, tag, attributes):
        a = {k: v or '' for k, v in attributes}
        if tag in VOID:
            if tag == 'br':
                self.handle_data('\n')
            return
        classes = a.get('class', '').split()
        hidden = bool(self.stack and self.stack[-1][2]) or tag in SILENT or a.get('id') in self.dropped or bool(self.dropped & set(classes))
        content = bool(self.stack and self.stack[-1][3]) or self.is_container(tag, a)
        self.stack.append((tag, classes, hidden, content))
        if tag == 'pre' and content and not hidden:
            self.flavours = 0
            self.pre, self.pre_language = [], language([c for _, c, _, _ in self.stack[-4:]])
        elif tag == 'code' and self.pre is not None:
            own = language([classes])
            if own and self.flavours:  # each is a block of its own
                self.code.append((''.join(self.pre), self.pre_language))
                self.pre, self.pre_language = [], None
            self.flavours += bool(own)
            self.pre_language = self.pre_language or own
        elif tag in HEADINGS and content and not hidden:
            self.heading = []
        elif tag in ('p', 'div', 'li', 'td', 'th', 'dt', 'dd', 'tr'):
            self.text.append(' ')

    def handle_endtag(self, tag):
        names = [s[0] for s in self.stack]
        if tag not in names:
            return
        while self.stack.pop()[0] != tag:
            pass
        if tag == 'pre' and self.pre is not None:
            self.code.append((''.join(self.pre), self.pre_language))
            self.pre = None
        elif tag in HEADINGS and self.heading is not None:
            self.headings.append(''.join(self.heading))
            self.heading = None
        if tag not in ('span', 'b', 'i', 'em', 'strong', 'code', 'a', 'tt', 'sub', 'sup'):
            self.text.append(' ')

    def handle_data(self, data):
        if not self.stack or self.stack[-1][2] or not self.stack[-1][3]:
            return
        self.text.append(data)
        for into in (self.pre, self.heading):
            if into is not None:
                into.append(data)


def language(lists):
    for classes in reversed(lists):
        for c in classes:
            m = re.match(r'(?:language|highlight|lang|brush)-([a-z0-9+#]+)$', c)
            if m and m.group(1) not in NO_LANGUAGE:
                return m.group(1)
    return None


def words(text):
    return collections.Counter(w.lower() for w in re.findall(r'\w+', text))


def even(code):
    return '\n'.join(l.rstrip() for l in code.replace('\r', '').replace('\xa0', ' ').strip('\n').split('\n')).strip()


def letters(text):
    return re.sub(r'\W+|_', '', text).lower()


def inline(text):
    """A line of Markdown as a reader sees it."""
    text = re.sub(r'!\[((?:[^\]\\]|\\.)*)\]\([^)]*\)', '', text)
    text = re.sub(r'\]\([^)\s]*\)', '] ', text)
    text = re.sub(r'</?(kbd|sub|sup|br)>', ' ', text)
    return re.sub(r'\\([!-/:-@\[-`{-~])', r'\1', text)


def take_apart(markdown):
    """Its words, its fences as (language, code), its headings, its links."""
    text, fences, headings, links, fence = [], [], [], [], None
    for line in markdown.split('\n'):
        m = re.match(r'^((?:[ >]|[-*] |\d+[.)] )*)(`{3,})([^`]*)$', line)
        if fence is None and m:
            fence = (m.group(2), m.group(3), len(m.group(1)), [])
        elif fence is not None and line[fence[2]:].strip() == fence[0]:
            fences.append((fence[1], even('\n'.join(fence[3]))))
            fence = None
        elif fence is not None:
            fence[3].append(line[fence[2]:])
            text.append(line[fence[2]:])
        else:
            shown = inline(line)
            links += re.findall(r'\]\(([^)\s]+)\)', re.sub(r'(`+).*?\1', '', line))
            text.append(shown)
            m = re.match(r'^(#{1,6}) (.*)$', line)
            if m:
                headings.append(letters(inline(m.group(2))))
    return words('\n'.join(text)), fences, headings, links


def score_page(path, site, total):
    with open(path, encoding='utf8', errors='replace') as f:
        source = f.read()
    page = Container(site[3], site[4])
    page.feed(source)
    run = subprocess.run([os.path.join(ROOT, 'build/release/stint'), 'md', path, '--base', 'http://example.org/docs/' + os.path.basename(path)],
                         capture_output=True, check=True)
    markdown = run.stdout.decode('utf8')
    got, fences, headings, links = take_apart(markdown)
    want = words(''.join(page.text))
    total['both'] += sum((got & want).values())
    total['got'] += sum(got.values())
    total['want'] += sum(want.values())
    by_code = {code: language for language, code in fences}
    for code, tongue in page.code:
        if even(code):
            total['pre'] += 1
            total['fenced'] += even(code) in by_code
            total['tongues'] += tongue is not None
            total['kept'] += tongue is not None and bool(by_code.get(even(code)))
    for h in page.headings:
        if letters(h.replace('¶', '')):
            total['titles'] += 1
            total['found'] += letters(h.replace('¶', '')) in headings
    total['links'] += len(links)
    total['absolute'] += sum(bool(re.match(r'(https?|mailto|ftp|news):', l)) for l in links)
    total['marks'] += markdown.count('¶')
    total['pages'] += 1


def shares(t):
    part = lambda a, b: t[a] / t[b] if t[b] else 1.0
    return {'P': part('both', 'got'), 'R': part('both', 'want'), 'code': part('fenced', 'pre'), 'language': part('kept', 'tongues'),
            'headings': part('found', 'titles'), 'absolute': part('absolute', 'links')}


def show(name, t):
    print('%-11s %4d pages  ' % (name, t['pages']) + '  '.join('%s %.3f' % s for s in shares(t).items()) +
          '  marks %d  (%d code, %d language, %d headings, %d links)' % (t['marks'], t['pre'], t['tongues'], t['titles'], t['links']))


def pages_of(site, count):
    folder = next((f for f in (os.environ.get('DOCS', '') + site[2], site[2]) if os.path.isdir(f)), None)
    if not folder:
        print('%-11s not installed: apt-get install %s' % (site[0], site[1]))
        return []
    found = sorted(os.path.join(d, f) for d, _, files in os.walk(folder) for f in files
                   if f.endswith('.html') and not f.startswith(('genindex', 'search', '_')))
    return found[::max(1, len(found) // count)][:count]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    all_pages, total = [], collections.Counter()
    for site in SITES:
        mine = collections.Counter()
        pages = pages_of(site, count)
        for path in pages:
            score_page(path, site, mine)
        if pages:
            show(site[0], mine)
        all_pages += pages
        total += mine
    if not all_pages:
        return 1
    show('all', total)
    speed = json.loads(subprocess.run([os.path.join(ROOT, 'build/release/bench/markdown'), '3'] + all_pages, capture_output=True, check=True).stdout)
    print('%.1f MB of HTML at %.1f MB/s of processor time; libxml2 alone, to a tree: %.1f MB/s' % (speed['mb'], speed['mb_per_s'], speed['libxml2_tree_mb_per_s']))
    missed = [k for k, v in shares(total).items() if v < TARGETS[k]] + (['marks'] if total['marks'] else [])
    if missed:
        print('below target: ' + ', '.join(missed))
    return 1 if missed else 0


sys.exit(main())
