"""Writes cases.json: what Python's Jinja2, set up as transformers sets it up, makes of small templates.

    python3 generate.py        # needs jinja2 3.1.6, markupsafe; see README.md
"""

import json
import os
import sys
import traceback
from datetime import datetime

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARS = {
    "messages": [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "Hi\nthere"}, {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1, "y": [1.5, None]}}}]}],
    "s": "Hello, World", "u": "Ünïcödé ßtraße 你好 😀", "w": "  \t padded\n ", "q": "it's \"q\"", "empty": "", "multi": "one\ntwo\n\nthree",
    "i": 7, "n": -7, "z": 0, "f": 2.5, "g": 3.0, "big": 123456789012345678901234567890, "huge": 1e300, "tiny": 1e-7, "t": True, "no": False, "nil": None,
    "l": [3, 1, 2], "names": ["b", "A", "c", "a"], "mixed": [1, 1.0, True, "1", None, [1], {"a": 1}], "nested": [[1, 2], [3, [4, 5]]],
    "d": {"b": 1, "a": 2, "C": 3, "items": "shadow"}, "deep": {"a": {"b": [10, {"c": "found"}]}},
    "users": [{"n": "Bo", "age": 30, "ok": True}, {"n": "al", "age": 25, "ok": False}, {"n": "Cy", "age": 30}],
    "html": "<b>&'\"</b>",
}


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    class TemplateDict:
        def __call__(self, *args, **kwargs):
            return dict(*args, **kwargs)

        def fromkeys(self, *args, **kwargs):
            return dict.fromkeys(*args, **kwargs)

    class TemplateNamespace(jinja2.utils.Namespace):
        def __init__(*args, **kwargs):
            self, attrs = args[0], dict(*args[1:], **kwargs)
            for name in attrs:
                TemplateNamespace._check_name(name)
            jinja2.utils.Namespace.__init__(self, attrs)

        def __setitem__(self, name, value):
            TemplateNamespace._check_name(name)
            jinja2.utils.Namespace.__setitem__(self, name, value)

        @staticmethod
        def _check_name(name):
            if isinstance(name, str) and name.startswith("_"):
                raise jinja2.exceptions.SecurityError(
                    f"Chat templates cannot store underscore-prefixed attributes on a namespace, but got {name!r}. Please rename the attribute.")

    for c in (TemplateDict, TemplateNamespace):  # as transformers has them
        c.__module__ = "transformers.utils.chat_template_utils"
    env.globals["dict"] = TemplateDict()
    env.globals["namespace"] = TemplateNamespace
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: datetime(2024, 7, 6, 15, 4, 5, 60).strftime(format)
    return env


EXPRESSIONS = r'''
1 | 1_000 | 0x1F | 0b101 | 0o17 | 1.5 | 1e3 | 1.5e-7 | 1e16 | 1e15 | 123456789012345678901234567890 | 00 | 1_0.5_0
i + 1 | i - 10 | i * 2 | i / 2 | i // 2 | n // 2 | n % 3 | 7 % n | i ** 2 | 2 ** -1 | 2 ** 3 ** 2 | -2 ** 2 | -i | +i | - -i | 7 // 2.0 | -7 // 2.0 | -7.5 % 2 | 7.5 % -2 | 6 / 2
g | f | huge | tiny | 0.1 + 0.2 | 1 / 3 | 1e22 | 1e21 * 10 | 5e-324 | 1.0 * 3 | 2.0 ** 10 | 100.0 | 1e5 | 1e-5 | 0.0001 | -0.0 | 0.0
-big % 11 | big % -11 | -big // 11 | big // -11 | -big % -11 | (-9223372036854775807 - 1) // -1 | 5 % -1 | big // big | big | big + 1 | big * big | -big | big // 7 | big % 7 | -big // 7 | big / 10 | 9223372036854775807 + 1 | -9223372036854775807 - 2 | 9223372036854775807 * 2 | 2 ** 100 | 4611686018427387904 * 2
true + 1 | true * 3 | true / 2 | -true | true == 1 | false == 0 | true == 1.0 | "a" + "b" | "ab" * 3 | 3 * "ab" | "ab" * -1 | [1] + [2] | [1] * 2 | (1,) + (2,) | (1,) * 2 | 0 * [1]
"a" ~ 1 ~ none ~ true ~ 1.0 ~ [1] | 1 ~ 2 | undefinedvar ~ "x" | nil ~ ""
1 < 2 | 1 < 2 < 3 | 1 < 3 < 2 | 1 == 1.0 | 1 != 1.0 | "a" < "b" | "a" == "a" == "a" | [1, 2] < [1, 3] | (1, 2) < (1, 2, 0) | [1] == (1,) | none == none | none == false | 1 in [1.0] | "el" in s | "xx" not in s | "b" in d | 1 in (1, 2) | [1] in mixed | none in mixed | "1" == 1 | 2 > 1 >= 1 | big > 1e10 | 9007199254740993 == 9007199254740992.0 | undefinedvar == undefinedvar | undefinedvar != 1 | undefinedvar in [1] | 1 in undefinedvar
not 1 | not "" | not not 5 | 1 and 2 | 0 and 2 | 0 or "x" | "" or none | 1 or 2 and 3 | not 1 == 2 | not (1 and 0) | nil and nil.foo | undefinedvar or "d" | undefinedvar and 1
1 if true else 2 | 1 if false else 2 | 1 if false | (1 if false) is defined | "a" if 0 else "b" if 0 else "c" | ("x" if i > 5 else "y") ~ "z" | 1 if i if n
none | None | true | True | false | False | () | (1,) | (1, 2) | 1, 2 | [] | [1, "a", none, 1.0, true] | {} | {"a": 1, 2: [3], none: none, 1.5: (1,)} | {1: "a", true: "b", 1.0: "c"} | {"a": 1, "a": 2}
s | u | q | [q] | ["it's"] | ['"'] | ["\\"] | ["\n\t\r\x00\x7f"] | [u] | ["\u200b\xa0\ud7ff"] | "a" "b" 'c' | "\x41\u00e9\U0001F600\101\n" | "\q\é" | 'it\'s' | "a\
b"
s[0] | s[-1] | s[99] | s[0:5] | s[::-1] | s[-5:] | s[:-7] | s[::2] | s[5:0:-2] | u[0] | u[1:7] | u[::-1] | u[-1] | s[10:2] | s[none:3] | l[0] | l[-1] | l[5] | l[1:] | l[::-1] | l[:-1] | l[-100:100] | (1, 2, 3)[1:] | [1, 2, 3, 4, 5][::2] | [1,2,3,4,5][4:1:-1] | [1,2,3][True] | range(10)[2:8:3] | range(10)[-1] | l.0 | nested.1.1.0 | "abc".1
d.a | d["a"] | d.b | d.items | d["items"] | d.nokey | d["nokey"] | d.get("a") | d.get("zz") | d.get("zz", 5) | d.get("zz", default=1) | deep.a.b[1].c | deep["a"]["b"][0] | messages[0].content | messages[0]["role"] | messages[-1].tool_calls[0].function.name | d.keys() | d.values() | d.items() | d["keys"]() | {"keys": 1}.keys | {"keys": 1}["keys"] | d.keys() | list | d.items() | list | d|length | d.copy() == d
undefinedvar | undefinedvar is defined | d.nokey is defined | d.nokey is undefined | d.a is defined | [undefinedvar] | undefinedvar | length | undefinedvar | list | undefinedvar|string | (undefinedvar, 1) | undefinedvar | default("x") | "" | default("x") | "" | default("x", true) | nil | default("x") | nil | d("x", boolean=true) | undefinedvar|default
1 is number | 1.5 is number | true is number | "1" is number | 1 is integer | true is integer | 1.0 is integer | 1.0 is float | 1 is float | true is boolean | 1 is boolean | true is true | 1 is true | false is false | 0 is false | none is none | undefinedvar is none | s is string | 1 is string | d is mapping | l is mapping | l is sequence | s is sequence | d is sequence | 1 is sequence | range(3) is sequence | l is iterable | 1 is iterable | undefinedvar is iterable | undefinedvar is sequence | d.items() is sequence | d.keys() is iterable | d.keys() is mapping
3 is odd | 3 is even | 2.0 is even | -1 is odd | 9 is divisibleby 3 | 9 is divisibleby(2) | 1 is eq 1 | 1 is equalto 1.0 | 1 is ne 2 | 1 is lt 2 | 2 is gt 1 | 2 is ge 2 | 2 is le(1) | 1 is lessthan 2 | 2 is greaterthan 1 | 1 is == 1 | "a" is in "abc" | 1 is in [1, 2] | 1 is not in [1, 2] | "a" is in(["b"]) | "abc" is lower | "ABC" is upper | "aBC" is lower | 1 is sameas 1 | l is sameas l | true is sameas 1 | range is callable | s is callable | s.upper is callable | "x" is escaped | ("x"|e) is escaped | "upper" is filter | "nope" is filter | "odd" is test | "nope" is test
1 is not none | undefinedvar is not defined | i is not odd and true | not i is odd | i is odd or false | l is iterable and l is not string | i is defined | i + 1 is odd | 2 is even is true
'''

FILTERS = r'''
w|trim|list|length | "[" ~ w|trim ~ "]" | "xxaxx"|trim("x") | "xyaxy"|trim("yx") | 5|trim | s|upper | s|lower | u|upper | u|lower | "straße ŉ ﬁ"|upper | "İI ΑΣ ΑΣΑ Σ"|lower | s|length | u|length | l|length | d|count | s|title | "foo-bar (baz) [qux] <x> it's o'neil ärger"|title | "hELLO wORLD"|capitalize | "ßa"|capitalize | "ǆx ŉb"|capitalize | "hello world's it's"|wordcount | nil|upper | 1.5|string | nil|string|length
s|replace("l", "L") | s|replace("l", "L", 1) | s|replace("", "-") | s|replace("o", 0) | 101|replace(1, "x") | s|replace("l", "", count=2) | s|reverse | l|reverse|list | d|reverse|list | u|reverse | s|first | s|last | l|first | l|last | []|first | []|last | ""|first | d|first | d|last | undefinedvar|first | undefinedvar|last | (1, 2)|last | d.values()|last
l|join | l|join(",") | names|join(", ") | users|join(",", attribute="n") | users|join("-", "age") | []|join(",") | "abc"|join("-") | d|join | [1, none, true, 1.0]|join("|") | range(3)|join(undefinedvar) | [undefinedvar, 1]|join(",")
l|sort | l|sort(reverse=true) | names|sort | names|sort(case_sensitive=true) | users|sort(attribute="n")|map(attribute="n")|list | users|sort(attribute="age,n")|map(attribute="n")|list | users|sort(attribute="age", reverse=true)|map(attribute="n")|join(",") | d|dictsort | d|dictsort(true) | {"x": 2, "y": 1}|dictsort(by="value") | {"x": 2, "y": 1}|dictsort(false, "key", true) | [[2, 1], [1, 2], [1]]|sort | [true, 0, 2.5]|sort | "bca"|sort | d|sort
l|map("string")|list | names|map("upper")|join | users|map(attribute="n")|list | users|map(attribute="ok")|list | users|map(attribute="ok", default="?")|list | users|map(attribute="nope")|map("default", "-")|list | l|map("default", 1)|list | nested|map("first")|list | [[1, 2]]|map(attribute=0)|list | [[1, [2, 3]]]|map(attribute="1.0")|list | []|map("upper")|list | none|map("upper")|list | ["a b", "c d"]|map("replace", " ", "_")|list | ["1", "x"]|map("int", default=9)|list | [" a "]|map("trim")|first | names|map("lower")|unique|list | undefinedvar|map("upper")|list
l|select("odd")|list | l|reject("odd")|list | mixed|select|list | mixed|reject|list | mixed|select("string")|list | mixed|select("none")|list | l|select("gt", 1)|list | l|select(">", 1)|list | users|selectattr("ok")|map(attribute="n")|list | users|selectattr("ok", "defined")|list|length | users|rejectattr("ok")|map(attribute="n")|list | users|selectattr("age", "equalto", 30)|map(attribute="n")|join | users|rejectattr("age", "eq", 30)|list | users|selectattr("n", "in", ["Bo", "Cy"])|list|length | messages|selectattr("role", "==", "user")|map(attribute="content")|first | messages|rejectattr("role", "equalto", "system")|list|length | messages|selectattr("tool_calls", "defined")|list|length | [0, 1]|select|list | undefinedvar|select|list | (l|select("odd")) is iterable | 1 if []|select("odd") else 2
l|sum | users|sum(attribute="age") | [0.1, 0.2, 0.3]|sum | []|sum | [[1], [2]]|sum(start=[]) | l|sum(start=10) | l|min | l|max | names|min | names|max | names|max(case_sensitive=true) | []|max | users|max(attribute="age") | [1, 1.0, true]|max | names|unique|list | ["a", "A", "b"]|unique|list | ["a", "A"]|unique(true)|list | users|unique(attribute="age")|map(attribute="n")|list | [1, 1.0, true, 2]|unique|list
[1,2,3,4,5]|batch(2)|list | [1,2,3]|batch(2, "x")|list | [1,2,3,4,5]|slice(2)|list | [1,2,3]|slice(2, 0)|list | []|batch(2)|list | users|groupby("age") | users|groupby("age")|map(attribute="grouper")|list | users|groupby("ok", default="-")|map("first")|list | names|groupby(0)|map(attribute="grouper")|list | (users|groupby("age"))[0].list|length | d|items|list | {}|items|list | undefinedvar|items|list | d|list | s|list|first | range(3)|list | range(5, 0, -2)|list | range(1, 4)|sum
"3"|int | "3.7"|int | "x"|int | "x"|int(5) | "0x1f"|int(base=16) | "0b11"|int(0, 2) | "1f"|int(0, 16) | " 42 "|int | "1_000"|int | 3.9|int | -3.9|int | true|int | none|int | none|int(-1) | []|int | "1e3"|int | "3"|float | "3.5x"|float | "x"|float(1.5) | 3|float | true|float | none|float | "nan"|float | "inf"|float | "-1e-3"|float | big|float | "-5"|int|abs | n|abs | (-2.5)|abs | true|abs | -0.0|abs
2.5|round | 3.5|round | 2.567|round(2) | 42|round | 42|round(-1) | 45|round(-1) | 55|round(-1) | 1234.5|round(-2) | 2.1|round(0, "ceil") | 2.9|round(method="floor") | -2.15|round(1, "floor") | 1.005|round(2) | 2.675|round(2) | true|round | 2.5|round|int | 1e300|round(2) | 7|round(1, "ceil")
"%s is %d"|format("x", 5) | "%5.2f|%-5s|%05d|%x|%X|%o|%e|%g|%%"|format(3.14159, "ab", 42, 255, 255, 8, 12345.678, 0.0001) | "%(a)s-%(b)03d"|format(a="x", b=7) | "%s %r %s"|format(none, "q", 1.0) | "%s" % "x" | "%s %s" % (1, 2) | "%d%%" % 50.9 | "%c%c" % (65, "b") | "%+d % d %#x %#o" % (5, 5, 255, 8) | "%*d" % (5, 42) | "%.3s|%10.3s|" % ("abcdef", "abcdef") | "%g %g %g %g" % (1e10, 1e-5, 100000, 1234567) | "%(a)s" % {"a": 1} | "x" % {} | "x" % [] | "%i" % true | "%s" % undefinedvar | "%r" % u | "%a" % u | "%.0f %.1f" % (2.5, 0.25) | "%e" % 0 | "%G" % 1e-10 | "%5s" % true
multi|indent | multi|indent(2) | multi|indent(2, true) | multi|indent(2, false, true) | multi|indent(width="> ", first=true, blank=true) | ""|indent | "a\n"|indent(2) | "a\n\n"|indent(2, blank=true) | "a\r\nb"|indent(1)
html|e | html|escape | html|safe | html|e|e | html|forceescape | html|e|forceescape | html|e ~ "<" | html|safe + "<x>" | "<x>" + html|safe | [html|e] | html|e|upper | html|e|replace("&", "+") | ("<%s>"|safe) % "<i>" | ("<"|safe) * 2 | ("a<b"|safe)[1] | (html|safe)|length | ["<", "<"|safe]|join("<") | ("<"|safe).join(["<", "a"]) | ("a-b"|safe).split("-") | "<"|safe|trim | ("<"|safe) == "<" | ("<"|safe) in "<b>" | none|e | 5|e | {"<"|safe: 1}["<"]
d|tojson | l|tojson | u|tojson | q|tojson | html|tojson | nil|tojson | true|tojson | 1.0|tojson | 1e16|tojson | 1e-7|tojson | "\u2028\x00\x1f\x7f\t\n\\"|tojson | d|tojson(indent=2) | nested|tojson(indent=4) | deep|tojson(indent=1) | []|tojson(indent=2) | {}|tojson(indent=2) | [[], {}]|tojson(indent=2) | d|tojson(sort_keys=true) | d|tojson(separators=(",", ":")) | d|tojson(indent=2, separators=(",", " : ")) | u|tojson(ensure_ascii=true) | u|tojson(true) | d|tojson(indent="\t") | d|tojson(false, 0) | (1, [2])|tojson | {1: 2, none: 3, true: 4, 1.5: 5}|tojson | messages|tojson | messages[2].tool_calls|tojson(indent=2) | (html|e)|tojson | big|tojson | "1e999"|float|tojson | "nan"|float|tojson | {"b": {"d": 1, "c": 2}, "a": 1}|tojson(sort_keys=true, indent=2) | "x"|tojson|length
"a b&c/d"|urlencode | {"a b": "c&d", "x": 1}|urlencode | [["k", "é"]]|urlencode | 5|urlencode | {"class": "x", "id": none, "t": "<"}|xmlattr | {"a": 1}|xmlattr(false) | "foo bar baz qux"|truncate(9) | "foo bar baz qux"|truncate(9, true) | "foo bar baz qux"|truncate(11) | "foo bar baz qux"|truncate(9, end="!", leeway=0) | 1000|filesizeformat | 1|filesizeformat | 999|filesizeformat | 1234567|filesizeformat | 1234567|filesizeformat(true) | "x"|center(5) | "ab"|center(5) | "x"|center(4) | d|attr("a") | d|attr("keys") is callable | s|attr("nope")
s|wordcount | u|wordcount | "a_b c-d 1.5"|wordcount | none|default | 5|default(1) | l|list|length | d|string | [1, [2, {"a": none}]]|string | s|string|upper | -1|abs | 3|pprint_missing if false else "ok" | (d|dictsort)[0][0] | l|first|string ~ "x" | l|map("abs")|sum
'''

METHODS = r'''
w.strip() | ["xxaxx".strip("x"), "xxaxx".lstrip("x"), "xxaxx".rstrip("x")] | [w.lstrip(), w.rstrip()] | s.strip(none) | "\u2003\x1ca\x1f".strip() | s.split() | s.split(", ") | s.split("l") | s.split("l", 1) | s.split(maxsplit=1) | s.split(sep="o", maxsplit=1) | " a  b ".split() | " a  b ".split(" ") | " a  b c ".split(none, 1) | s.rsplit("l", 1) | " a b  c ".rsplit(none, 1) | "a,b,c".rsplit(",") | "a,b,c".rsplit(",", 1) | "".split() | "".split(",") | "a b c d".split(" ", 2)
s.startswith("He") | s.startswith(("x", "He")) | s.endswith("ld") | s.endswith(("a", "b")) | s.startswith("llo", 2) | s.startswith("el", 1, 3) | s.startswith("ell", 1, 3) | s.startswith("") | s.startswith("", 99) | s.endswith("o", 0, 5) | s.replace("l", "L") | s.replace("l", "L", 2) | s.replace("", "-", 3) | u.replace("ß", "ss") | s.upper() | s.lower() | s.title() | "they're bill's ärger ǆ".title() | s.capitalize() | s.swapcase() | "ß".swapcase() | u.title() | s.find("o") | s.find("o", 5) | s.find("zz") | s.rfind("o") | u.find("你") | s.index("W") | s.count("l") | s.count("l", 4) | "aaa".count("aa") | s.count("") | s.find("") | s.find("", 99) | s.find("l", -4) | s.rfind("l", 0, 5)
", ".join(names) | "-".join("abc") | "".join([]) | ",".join(d) | "-".join(d.keys()) | ".".join(["a"]) | s.removeprefix("Hell") | s.removesuffix("World") | s.removeprefix("zz") | multi.splitlines() | multi.splitlines(true) | "a\r\nb\x0bc\u2028d\x1ee".splitlines() | "a\n".splitlines() | "".splitlines() | s.partition(", ") | s.partition("zz") | s.rpartition("o") | s.rpartition("zz") | "5".zfill(3) | "-5".zfill(4) | "+".zfill(3) | "ab".ljust(5) ~ "|" | "ab".rjust(5, "*") | "ab".center(5, "-") | "ab".center(4) ~ "|" | "abc".center(4, "-") | "a\tb".expandtabs() | "a\tb\n\tc".expandtabs(4)
"12".isdigit() | "²".isdigit() | "²".isdecimal() | "½".isnumeric() | "一".isnumeric() | "١".isdecimal() | "abc".isalpha() | "日本".isalpha() | "a1".isalnum() | "".isalpha() | " \t".isspace() | "\x1c".isspace() | "abc".islower() | "ABC1".isupper() | "Abc Def".istitle() | "abc".isidentifier() | "1a".isidentifier() | "a b".isprintable() | "a\n".isprintable() | "é".isascii() | "ª".islower() | "ǅ".isupper()
"{} {}".format(1, "a") | "{0} {1} {0}".format("a", "b") | "{a}".format(a=1) | "{:>5}|{:<5}|{:^5}|{:*^5}".format("a", "b", "c", "d") | "{:05d} {:+d} {:x} {:#x} {:b} {:o} {:,}".format(42, 42, 255, 255, 5, 8, 1234567) | "{:.2f} {:e} {:g} {:%} {:.1%}".format(3.14159, 12345.678, 0.0001, 0.25, 0.25) | "{!r} {!s}".format("a", "b") | "{a[b]} {a.c}".format(a={"b": 1, "c": 2}) | "{0[0]}".format([7]) | "{{}}".format() | "{:{}}|".format("a", 5) | "{:{w}.{p}f}".format(3.14159, w=8, p=2) | "{:,}".format(1234567.891) | "{:_}".format(1234567) | "{:08.3f}".format(-3.14159) | "{:>8}".format(true) | "{}".format(none) | "{:s}".format("x") | "{:.2}".format("abc") | "{:10}|".format(5) | "{:10}|".format("5") | "{:.3}".format(1234.5) | "{}".format(1.0) | "{:g}".format(1e20) | "{:n}".format(5) | "{:c}".format(65) | "{x}".format_map({"x": 1}) | "{:08,}".format(1234) | "{:+.1e}".format(0.0) | "{:G}".format(1e-10) | "{:.0f}".format(0.5) | "{:=+6d}".format(5) | "{:X}".format(-255) | "{0.__class__}".format(1) | "{a.nope}".format(a=1)
l.index(2) | l.count(1) | [1, 1.0, true].count(1) | (1, 2).index(2) | nested[1].index([4, 5]) | l.copy() | [1,2,3,1].index(1, 1) | range(5).index(3) | range(0, 10, 3).count(6) | i.real | i.imag | f.is_integer() | g.is_integer() | i.bit_length() | (5).numerator | i.denominator | f.real | range(3).stop
d.update | d.pop is defined | l.append is defined | d.clear is callable | l.append | s.__class__ | d.__class__ is defined | s._x is defined | {"_x": 1}._x | {"__x": 1}.__x | l.__len__ | s.nope is defined | nil.foo is defined | i.foo | [].foo is defined
range(3) | range(1, 3) | range(1, 9, 2) | range(3)|list | range(0)|list | range(-3)|list | range(5, 1)|list | range(2) == range(0, 2, 1) | dict(a=1, b=2) | dict({"a": 1}, b=2) | dict([("a", 1), ["b", 2]]) | dict() | namespace(a=1).a | namespace({"a": 1}).a | namespace(a=1) | namespace(a=1)["a"] | namespace().x is defined | namespace(a=1).b | strftime_now("%d %b %Y") | strftime_now("%Y-%m-%d %H:%M:%S") | strftime_now("%A %a %B %j %U %W %w %y %I %p %% %e %-d %-m %x %X %c %D %T %F %f %u %V %G") | strftime_now("") | strftime_now("%z%Z|") | strftime_now("%Q %") | [range is defined, lipsum is defined, cycler is defined, nope is defined] | raise_exception is defined
messages[1:]|length | (messages|last).role | (messages[0].content|trim)[:2] | messages[0].content.strip().split(" ")[-1] | messages|map(attribute="role")|join(",") | messages[2].tool_calls[0].function.arguments | messages[2].tool_calls[0].function.arguments.items()|list | messages[2].content or "none" | messages[0].role in ["system", "developer"] | messages[::-1][0].role | (messages|length) % 2 == 1 | messages[0] is mapping and "role" in messages[0] | "</think>" in s | s.split("</think>")[-1].lstrip("\n") | messages[0].name is not defined | messages[0].get("name") is none | documents | tools | documents is none | tools is defined | add_generation_prompt | [bos_token, pad_token is defined]
'''

ERRORS = r'''
undefinedvar.x | undefinedvar["x"] | undefinedvar() | undefinedvar + 1 | 1 + undefinedvar | undefinedvar < 1 | -undefinedvar | undefinedvar|int | undefinedvar|abs | d.nokey.x | d.nokey[0] | d["no key"].x | l[9].x | nil.foo.bar | d.nokey() | s.nope() | l.5.x | undefinedvar[1:] | deep.a.zz.c | (1 if false).x | undefinedvar.x is defined | undefinedvar.x|default("d") | [].foo() | ([]|first).x | namespace(a=1).b.c | i.x.y | none.x.y | true.x.y | (1.5).x.y | range(3).x.y | (1,).x.y | s[0].x.y | messages[9].role
1 + "a" | "a" + 1 | [1] + (1,) | none + 1 | "a" - "b" | {} + {} | "a" * "b" | 1 / 0 | 1 // 0 | 1 % 0 | 1.0 / 0 | 0 ** -1 | 1 < "a" | none < 1 | [1] < ["a"] | {} < {} | 1 in 1 | none in "abc" | 1 in "abc" | -"a" | +none | {[]: 1} | {} [{}] | 5() | "a"() | d() | l|length() + none | 5|length | none|length | true|length | d|first|nope_if_run if true else 1
l.append(1) | l.pop() | d.update({}) | d.pop("a") | l.sort() | s.__class__() | s.__class__.x | d.__init__.__globals__ | l.clear() | d.setdefault("q", 1)
d|tojson(nope=1) | range(3)|tojson | undefinedvar|tojson | [undefinedvar]|tojson | {(1,): 2}|tojson | namespace()|tojson | s|join(1, 2, 3) | 5|join | none|list | 5|first | 5|last | (l|map("upper"))|last | d|map(attribute="x", y=1)|list | l|map|list | l|map("nope")|list | l|select("nope")|list | l|selectattr|list | names|sort(attribute="x.y")|list | mixed|sort | [1, "a"]|max | ["a"]|sum | [none]|sum | l|batch|list | "%d"|format("x") | "%s"|format | "%s"|format(1, 2) | "%s %s" % 1 | "%d" % "x" | "%(a)s" % 1 | "%(a)s" % {} | "%y" % 1 | "%" % 1 | "x" % 1 | "{}".format() | "{a}".format() | "{0} {}".format(1, 2) | "{".format() | "}".format() | "{:d}".format("x") | "{:s}".format(1) | "{:z}".format(1) | "{:5}".format(none) | "{:.2d}".format(1) | s.split("") | s.index("zz") | s.join([1]) | s.join(5) | s.replace("a") | s.startswith(1) | s.center("x") | l.index(99) | s.find(1) | (1).foo() | s.upper(1) | s.strip(1) | range() | range("a") | range(1, 2, 0) | range(100001) | range(200000)|list | dict(1) | dict([1]) | "x"|round | none|round | "a"|abs | 1.5|round(1, "x") | [1]|round | l|dictsort | d|dictsort(by="x") | "x"|items | s[1:2:0] | s["a":] | l["a"].x | d[1:2] | i[1:] | "a"|truncate(1) | 2|truncate | {"a b": 1}|xmlattr | s|indent("a", "b", "c", "d") | 5|indent | raise_exception("boom: " ~ i) | raise_exception() | raise_exception("a", "b") | cycler() | joiner(1, 2) | loop | loop.index | caller() | strftime_now() | strftime_now(1) | [1, 2]|groupby("x.y")|list | 2 ** 0.5 ** none | l(1) | d.get() | d.get([]) | d.keys(1) | "a" in none | s.nope.nope | "x"|int(base=99)
'''

SYNTAX = [
    "{{ }}", "{{ 1 + }}", "{{ (1 }}", "{{ [1 }}", "{{ {1: } }}", "{{ 1) }}", "{{ a b }}", "{{ 'abc }}", "{{ a | }}", "{{ a | 5 }}", "{{ a is }}", "{{ a is 5 }}",
    "{{ a.}}", "{{ a[ }}", "{{ f(1,, 2) }}", "{{ f(a=1, 2) }}", "{{ f(**a, b) }}", "{{ f(a=1, a=2) }}", "{{ ? }}", "{{ a ? b }}", "{{ a", "{% if a", "{# abc",
    "{% raw %}abc", "{% if a %}b", "{% if %}b{% endif %}", "{% endif %}", "{% else %}", "{% nope %}", "x\n\n{% nope 1 %}", "{% %}", "{% 5 %}", "{% for %}{% endfor %}",
    "{% for x %}{% endfor %}", "{% for x in %}{% endfor %}", "{% for 1 in l %}{% endfor %}", "{% for x in l %}", "{% for loop in l %}{% endfor %}",
    "{% for x in l %}{% set loop = 1 %}{% endfor %}", "{% set %}", "{% set 1 = 2 %}", "{% set a %}", "{% set true = 1 %}", "{% set a.b.c = 1 %}", "{% set a[0] = 1 %}", "{% set a = %}",
    "{% macro %}{% endmacro %}", "{% macro m %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m(a, a) %}{% endmacro %}", "{% macro m(1) %}{% endmacro %}",
    "{% macro m(caller) %}{{ caller() }}{% endmacro %}", "{% call m %}{% endcall %}", "{% call 5 %}{% endcall %}", "{% break %}", "{% continue %}", "{% if true %}{% break %}{% endif %}",
    "{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "{% for x in l %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "{{ a|nofilter }}", "\n{{ a is notest }}", "{% filter nofilter %}{% endfilter %}",
    "{% filter %}{% endfilter %}", "{% with a %}{% endwith %}", "{% do l.append(1) %}", "{% if a %}{% for x in l %}{% endif %}{% endfor %}", "{% if a %}{% elif %}{% endif %}",
    "{{ 1 is odd is even }}", "{{ 5_ }}", "{{ 0x }}", "{{ '\\x4' }}", "{{ '\\N{nope}' }}", "{{ \"\\u12\" }}", "{% if a %}{% else %}{% else %}{% endif %}", "{{ a if }}", "{{ not }}", "{{ a not b }}", "{{ *a }}",
    "{% for x in l if %}{% endfor %}", "{% for x in l recursive if x %}{% endfor %}", "{% print %}{% endprint %}", "{{ {'a': 1 }}", "{{ {'a'} }}", "{{ a.b.'c' }}", "{{ 1 }} {{ 2", "{{ a; b }}", "{{ \u00b2 }}", "{% endfor %}", "{% generation %}", "{% trans %}{% endtrans %}",
    "{{ 1:2 }}", "{{ l[1:2:3:4] }}", "{{ l[1:2, 3] }}", "{% for a, in l %}{% endfor %}{", "{% for x in l %}{% else %}{% break %}{% endfor %}", "{{ f(*a, *b) }}", "{{ f(*a, b=1) }}", "{{ f(a, *b, **c) if false }}", "{% if a %}{{ x|nofilter }}{% endif %}", "{% if a %}{% for x in l %}{{ x|nofilter }}{% endfor %}{% endif %}", "{% if nope is notest %}{% endif %}", "{% if t %}{{ s is notest }}{% endif %}", "{% with %}{% endwith %}a", "{% macro m(x, y=x|nofilter) %}{% endmacro %}",
]

STATEMENTS = [
    # scopes
    "{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in l %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "{% if t %}{% set x = 1 %}{% endif %}{{ x }}", "{% if no %}{% set x = 1 %}{% endif %}{{ x is defined }}", "{% if no %}{% set s = 1 %}{% endif %}{{ s }}",
    "{% for k in l %}{% if k == 1 %}{% set s = k %}{% endif %}{{ s }};{% endfor %}{{ s }}", "{% for k in l %}{% set s = s ~ k %}{{ s }};{% endfor %}",
    "{% set ns = namespace(n=0) %}{% for k in l %}{% set ns.n = ns.n + k %}{% endfor %}{{ ns.n }}", "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}{{ ns }}",
    "{% macro m() %}{{ s }}{% endmacro %}{{ m() }}{% set s = 2 %}{{ m() }}", "{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}{% set x = 2 %}{{ m() }}",
    "{% macro m(a) %}{% set s = a %}{{ s }}{% endmacro %}{{ m(1) }}{{ s }}", "{% for k in l %}{% macro m() %}{{ k }}{% endmacro %}{{ m() }}{% endfor %}{{ m is defined }}",
    "{% set ns = namespace(f=[]) %}{% for k in l %}{% macro m() %}{{ k }}{% endmacro %}{% set ns.f = ns.f + [m] %}{{ ns.f[0]() }}{% endfor %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% set a = 3 %}{{ a }}{% endwith %}{{ a is defined }}", "{% set a = 5 %}{% with a = a + 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set q2 = 1 %}{{ q2 }}{% endwith %}{{ q2 }}",
    "{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}", "{% set x %}a{{ i }}b{% endset %}{{ x }}", "{% set x | upper | replace('A', '-') %}a{{ i }}b{% endset %}{{ x }}", "{% set x %}{% set y = 1 %}{{ y }}{% endset %}{{ x }}{{ y is defined }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set (a, b) = [1, 2] %}{{ a }}{{ b }}", "{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}", "{% set a = 1, 2 %}{{ a }}", "{% set a, b = 'xy' %}{{ a }}{{ b }}", "{% set a, b = 1, 2, 3 %}", "{% set a, b = 5 %}", "{% set q.x = 1 %}", "{% set nope.x = 1 %}", "{% set ns = namespace() %}{% set ns.x %}blk{% endset %}{{ ns.x }}",
    "{% set x = 1 %}{% macro m() %}{% set x = x + 1 %}{{ x }}{% endmacro %}{{ m() }}{{ m() }}{{ x }}", "{% filter upper %}a{% set q3 = 1 %}{{ q3 }}{% endfilter %}{{ q3 is defined }}", "{% filter upper | replace('A', 'xy') %}abc{{ s }}{% endfilter %}", "{% filter indent(2, true) %}a\nb{% endfilter %}",
    "{% for k in l %}{{ k }}{% if loop.first %}{% set flag = true %}{% endif %}{{ flag is defined }}{% endfor %}", "{% set x = 0 %}{% for k in l %}{% for j in l %}{% set x = x + j %}{{ x }}{% endfor %}{{ x }};{% endfor %}{{ x }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% if t %}{% macro m() %}in{% endmacro %}{% endif %}{{ m() }}", "{% if no %}{% macro m() %}in{% endmacro %}{% endif %}{{ m is defined }}", "{% set _x = 1 %}{% macro m() %}{{ _x }}{% endmacro %}{{ m() }}",
    "{% if no %}{% set v = 1 %}{% elif t %}{% set v = 2 %}{% else %}{% set v = 3 %}{% endif %}{{ v }}", "{% for k in l %}{% if no %}{% set v = 1 %}{% elif k > 1 %}{% set v = k %}{% else %}{{ v }}{% endif %}[{{ v }}]{% endfor %}", "{% set range = 5 %}{{ range }}", "{% macro m() %}{{ messages|length }}{% endmacro %}{{ m() }}{% set messages = [] %}{{ m() }}", "{{ m() if m is defined else 'none' }}{% macro m() %}{% endmacro %}",
    # loops
    "{% for k in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}", "{% for k in l %}{{ loop.previtem }}<{{ k }}>{{ loop.nextitem }} {% endfor %}", "{% for k in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}",
    "{% for k in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for k in [1, 1, 2, 2, 1] %}{{ loop.changed(k) }} {% endfor %}", "{% for k in [] %}x{% else %}none{% endfor %}", "{% for k in l %}{{ k }}{% else %}none{% endfor %}", "{% for k in undefinedvar %}x{% else %}none{% endfor %}",
    "{% for k in l if k > 1 %}{{ loop.index }}{{ k }}{{ loop.last }}{{ loop.length }} {% endfor %}", "{% for k in l if k > 9 %}x{% else %}none{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for c in 'aé😀' %}[{{ c }}]{% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for k, v in l %}{% endfor %}", "{% for k in 5 %}{% endfor %}", "{% for k in none %}{% endfor %}", "{% for k in nil %}{% endfor %}",
    "{% for k in l %}{% if k == 1 %}{% continue %}{% endif %}{{ k }}{% endfor %}", "{% for k in l %}{% if k == 1 %}{% break %}{% endif %}{{ k }}{% endfor %}", "{% for k in [1] %}{% continue %}{% else %}E{% endfor %}", "{% for k in [1] %}{% break %}{% else %}E{% endfor %}", "{% for k in [1, 2] %}{% if loop.last %}{% continue %}{% endif %}x{% else %}E{% endfor %}", "{% for a in l %}{% for b in l %}{% if b == 1 %}{% break %}{% endif %}{{ a }}{{ b }} {% endfor %}{% endfor %}", "{% for a in l %}{% for b in [] %}{% else %}{% break %}{% endfor %}{{ a }}{% endfor %}", "{% for k in l %}{% set x %}{% if k == 1 %}{% break %}{% endif %}{{ k }}{% endset %}{{ x }}{% endfor %}.", "{% for k in l %}{% filter upper %}{% if k == 1 %}{% continue %}{% endif %}a{% endfilter %}{% endfor %}.", "{% for k in l %}{% with z2 = k %}{% if z2 == 1 %}{% continue %}{% endif %}{{ z2 }}{% endwith %}{% endfor %}.",
    "{% for k in nested recursive %}{% if k is iterable %}[{{ loop(k) }}]{% else %}{{ k }}@{{ loop.depth }}{{ loop.depth0 }}{% endif %}{% endfor %}", "{% for k in nested recursive %}{{ loop.index }}{% if k is iterable %}({{ loop(k) }}){% endif %}{% else %}E{% endfor %}", "{% set x = 1 %}{% for k in nested recursive %}{{ x }}{% set x = 2 %}{{ x }}{% if k is iterable %}{{ loop(k) }}{% endif %}{% endfor %}{{ x }}", "{% for k in [[1, 0], [0]] if k recursive %}{% if k is iterable %}<{{ loop(k) }}>{% else %}{{ k }}{% endif %}{% endfor %}", "{% for k in l %}{{ loop(l) }}{% endfor %}",
    "{% for a in l %}{% set outer = loop %}{% for b in 'xy' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}", "{% for a in l %}{% for b in l if loop.index > 1 %}{{ b }}{% endfor %};{% endfor %}", "{% for a in l %}{{ loop.length }}{% endfor %}{{ loop is defined }}", "{% for a in l|map('string') %}{{ loop.length }}{{ a }}{{ loop.last }} {% endfor %}", "{% for a in l|select('odd') %}{{ loop.revindex }}{{ a }} {% endfor %}", "{% for a in range(3) %}{{ a }}{% endfor %}", "{% for a in l|reverse %}{{ a }}{{ loop.last }}{% endfor %}", "{% for a in l %}{{ loop }}{% endfor %}", "{% for a in l %}{{ loop|length }}{% endfor %}", "{% for a in l %}{{ loop.nope is defined }}{{ loop['index'] }}{% endfor %}",
    "{% set ns = namespace(skip=false) %}{% for k in [1, 2, 3, 4] if not ns.skip %}{{ k }}{% if k == 2 %}{% set ns.skip = true %}{% endif %}{% endfor %}", "{% set ns = namespace(skip=false) %}{% for k in [1, 2, 3, 4] if not ns.skip %}{{ k }}{{ loop.last }}{% if k == 2 %}{% set ns.skip = true %}{% endif %}{% endfor %}", "{% for x in l %}{% for x in 'ab' %}{{ x }}{% endfor %}{{ x }}{% endfor %}{{ x is defined }}", "{% for x in [1, 2] %}{{ loop.index }}{% for y in [3, 4] %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}", "{% for i in l %}{% endfor %}{{ i }}", "{% for m2 in messages %}{{ m2.role }}: {{ m2.content|trim }}\n{% endfor %}", "{% for k in l %}{{ k }}{{ ', ' if not loop.last }}{% endfor %}", "{% for a, b in users|groupby('age') %}{{ a }}:{{ b|map(attribute='n')|join('+') }} {% endfor %}", "{% for row in [1,2,3,4,5]|batch(2, '-') %}{% for c in row %}{{ c }}{% endfor %}|{% endfor %}",
    "{% set ns = namespace(_a=1) %}{{ ns }}", "{% set ns = namespace() %}{% set ns._a = 1 %}", "{% set ns = namespace({'_a': 1}) %}", "{% set ns = namespace() %}{% set ns._a = nope.x %}", "{% set ns = namespace({1: 2}, a=3) %}{{ ns }}{{ ns.a }}", "{% set ns = namespace(self=1, args=2) %}{{ ns.self }}{{ ns.args }}", "{{ dict.fromkeys(['a', 'b']) }}", "{{ dict.fromkeys('ab', 0)|tojson }}", "{{ dict.fromkeys([[]]) }}", "{{ dict.keys }}", "{{ dict.x.y }}", "{{ dict is callable }}{{ dict(a=1) }}{{ dict([('x', 1)], y=2) }}{{ dict() }}", "{{ dict }}", "{{ dict(1) }}",
    # macros
    "{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=5) }} {{ m(b=3, a=4) }}", "{% macro m(a) %}{{ a is defined }}[{{ a }}]{% endmacro %}{{ m() }}{{ m(none) }}", "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "{% macro m(a) %}{{ a }}{{ varargs }}{% endmacro %}{{ m(1, 2, 3) }}", "{% macro m(a) %}{{ kwargs }}{% endmacro %}{{ m(a=1, b=2) }}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}body{{ i }}{% endcall %}", "{% macro m() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}", "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{% macro m(caller=none) %}{{ caller is none }}{% if caller %}{{ caller() }}{% endif %}{% endmacro %}{{ m() }}{% call m() %}z{% endcall %}", "{% macro m() %}{{ kwargs|length }}{% endmacro %}{% call m() %}y{% endcall %}", "{% macro m(n2) %}{% if n2 > 0 %}{{ n2 }}{{ m(n2 - 1) }}{% endif %}{% endmacro %}{{ m(5) }}", "{% macro m(a, b=1) %}{% endmacro %}{{ m }}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}", "{% macro m() %} x {% endmacro %}[{{ m()|trim }}]{{ m()|length }}", "{% macro m() %}{{ caller() }}{% endmacro %}{% for k in l %}{% call m() %}{{ k }}{{ loop.index }}{% endcall %}{% endfor %}", "{% macro outer() %}{% macro inner() %}I{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}{{ inner is defined }}", "{% macro m(x) %}{% for k in l %}{{ x }}{{ k }}{% endfor %}{% endmacro %}{{ m('-') }}", "{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}{% call m() %}{% set q5 = 1 %}{{ q5 }}{% endcall %}{{ q5 }}", "{% macro m(a='x') %}{{ a }}{% endmacro %}{{ m(undefinedvar) }}|{{ m(a=undefinedvar) }}", "{% macro m(a=b, b=1) %}{{ a }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ varargs|length }}{% endmacro %}{{ m(*l) }}", "{% macro html(x) %}<{{ x }}>{% endmacro %}{{ html('a')|e }}", "{% call(x) undefinedvar() %}{% endcall %}", "{% macro m(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(z3) m([1, 2]) %}<{{ z3 }}>{% endcall %}",
    # cycler, joiner, generation, print
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}", "{% set j = joiner('; ') %}{{ j() }}a{{ j() }}b{{ j() }}c", "{% generation %}x{{ i }}{% endgeneration %}y", "{% for k in l %}{% generation %}{{ k }}{{ loop.index }}{% set q6 = k %}{% endgeneration %}{{ q6 }}{% endfor %}", "{% print i, s %}", "{% print 1 + 1 %}x", "a{%- generation -%} b {%- endgeneration -%} c",
    "{% if i == 7 and s %}a{% elif no %}b{% else %}c{% endif %}", "{% if no %}a{% elif i > 100 %}b{% else %}c{% endif %}", "{% if undefinedvar %}a{% endif %}b", "{% if l, %}x{% endif %}", "{% if 1: %}colon{% endif %}", "{% set x = 5 if no %}{{ x is defined }}", "{% if undefinedvar.x %}{% endif %}", "{{ raise_exception('stop') if no else 'go' }}", "{% if t %}{{ raise_exception('stop at ' ~ i) }}{% endif %}", "a\nb\n{{ raise_exception('line 3') }}", "a\n{% for k in l %}\n  {% if k == 1 %}\n    {{ k.x.y }}\n  {% endif %}\n{% endfor %}", "{% set x = namespace(a=namespace(b=1)) %}{{ x.a.b }}{% set x.a.b = 2 %}",
    "{% if x is defined and x.y %}a{% endif %}.", "{% if nope|nofilter %}x{% endif %}", "{% if no %}{{ 1|nofilter }}{% endif %}fine", "{{ (1|nofilter) if no else 'fine' }}", "{{ 1 is notest if no else 'fine' }}",
]

WHITESPACE = [
    "{{ ('<{}|{a}>'|safe).format('<', a='&'|safe) }}", "{{ ('{:>4}{!r}'|safe).format('<', '<') }}", "{{ ('{:4}'|safe).format('x'|safe) }}", "{{ ('{0:{1}}'|safe).format(5, 3) }}", "{{ ('{a}'|safe).format_map({'a': '<'})|e }}", "{{ '{}'.format('<'|safe)|e }}",
    "{{ 'Straße ΣΑΣ İı ﬁ ŉ ǅ ẞ Ꭰꭰᏸ ῼ'.casefold() }}", "{{ 'ABC'.casefold() }}",
    "{{ '%d' % nope }}", "{{ '%i' % nope.x }}", "{{ '%x' % nope }}", "{{ '%f' % nope }}", "{{ '%c' % nope }}", "{{ '%5s' % nope }}", "{{ '{:d}'.format(nope) }}", "{{ '{:5}'.format(nope) }}", "{{ '{}'.format(nope) }}", "{{ '%*d' % (nope, 1) }}",
    "{#", "a{#", "{#-", "{# ", "{#\n", "{#\n\n", "{% raw %}", "{% raw %}\n", "{% raw %} ", "x\n  {% raw -%}", "{%", "{{", "{%-", "{% raw", "{#}", "{#-}", "{{ 0 / big }}{{ 0 / -big }}{{ 0 / n }}",
    "  {% if t %}\n  x\n  {% endif %}\ny", "a  {% if t %}  b  {% endif %}  c", "a\n  {%- if t %}\n  b\n  {%- endif %}\n  c", "a\n  {%- if t -%}\n  b\n  {%- endif -%}\n  c", "a  {{- i -}}  b", "a \n {{- i }} \n b", "a \n {{ i -}} \n b", "  {{ i }}\n  {{ i }}", "  {%+ if t %}x{% endif %}", "{% if t +%}\nx{% endif +%}\ny", "{% if t %}\n\nx\n\n{% endif %}\n\ny", "{# c #}\nx", "  {# c #}\n  x", "a {#- c -#} b", "a {#+ c +#}\n b", "{# a\nb #}{{ i }}", "{#- x -#}", "{#-#}a", "a\n{# c #}   \nb", "x{# {{ #}y", "  \t{% set a = 1 %}\n  x",
    "a\n", "a\n\n", "a\r\nb\r\n", "a\rb\r", "{{ i }}\n", "{% if t %}a{% endif %}\n", "\n\n{{ i }}\n\n", "a\r\n{% if t %}\r\nb\r\n{% endif %}\r\nc", "{{ 'a\r\nb' }}", "{{ 'a\nb' }}",
    "{% raw %}{{ x }}{% endraw %}", "{% raw %}\n{{ x }}\n{% endraw %}\ny", "a {%- raw -%} {{ x }} {%- endraw -%} b", "  {% raw %}  {% if %}  {% endraw %}\n  z", "{% raw %}{% raw %}{% endraw %}", "{%raw%}x{%endraw%}y", "{%- raw %}\n a {% endraw -%} \n b", "{% raw -%}\n a \n {%+ endraw %}\nb", "x\n  {%+ raw %}r{% endraw +%}\ny",
    "{{ '{{' }}{{ '}}' }}{{ \"{%\" }}", "{{ {'a': {'b': 1}}}}", "{{ [[1]] }}}}", "{ {{ i }} }", "{{i}}{{i}}", "{{i-1}}", "{{ i -1 }}", "{{-i}}", "{{ -i }}", "{{+i}}", "{%if t%}x{%endif%}", "a{", "a{{'}'}}b", "{", "{}", "%}", "}}", "#}", "{ % if %}", "a{%if t%}\n{%endif%}\nb", "{{ i }}  \n  {% if t %}  \n  x{% endif %}", "\t{% for k in l %}\n\t{{ k }}\n\t{% endfor %}\n\tend", "{% for k in l -%}\n  {{ k }}\n{%- endfor %}", "{% for k in l %}{{ k }}\n{% endfor %}", "  a{% if t %} b {% endif %}c  ", "\u00a0{% if t %}\u00a0{%- endif %}\u2003 x", "a\n\x1c {% if t %}b{% endif %}", "x\n   {{- i }}\n   {%- if t %}\n   y{% endif %}", "{{ i\n\n}}\n{{ undefinedvar.x }}", "{{\ni\n+\n1\n}}", "{%- set a = 1 -%}\n\n  {{- a -}}\n\n", "{% set a %}\n  x\n{% endset %}\n[{{ a }}]", "  {%- set a = 1 +%}\n  b", "", "\n", " ", "{% if t %}{% endif %}", "{{ '' }}", "{% macro m() %}\n  x\n{% endmacro %}\n[{{ m() }}]", "{{ 1 }}\n{{ 2 }}\n\n{{ 3 }}", "{% if t -%}   \n\n   x   \n\n   {%- endif %}",
]


def parts(block):
    """The expressions of a block: separated by " | " and line ends; a backslash at the end of a line keeps the line end."""
    for line in block.strip().replace("\\\n", "\\\x00").split("\n"):
        for part in line.replace("\x00", "\n").split(" | "):
            yield part.strip()


def joined(block):
    """Splits at " | " but leaves filters with spaces around their bar, as in `d.keys() | list`, together."""
    filters = {"list", "length", "string", "default", "default(\"x\")", "default(\"x\", true)", "d(\"x\", boolean=true)"}
    previous = None
    for part in parts(block):
        if part in filters and previous is not None:
            previous = previous + " | " + part
            continue
        if previous is not None:
            yield previous
        previous = part
    yield previous


def run(env, source):
    variables = dict(VARS, tools=None, documents=None, add_generation_prompt=True, bos_token="<s>", eos_token="</s>")
    try:
        return {"text": env.from_string(source).render(**variables)}
    except jinja2.TemplateSyntaxError as e:
        return {"kind": "TemplateSyntaxError", "message": str(e.message), "line": e.lineno}
    except SyntaxError as e:
        return {"kind": "SyntaxError", "message": str(e)}
    except Exception as e:
        lines = [f.lineno for f in traceback.extract_tb(e.__traceback__) if f.filename == "<template>"]
        return {"kind": type(e).__name__, "message": str(e), "line": lines[-1] if lines else 1}


def main():
    assert jinja2.__version__ == "3.1.6", jinja2.__version__
    env = environment()
    cases = []
    for block in (EXPRESSIONS, FILTERS, METHODS, ERRORS):
        for e in joined(block):
            cases.append("{{ " + e + " }}")
    cases += SYNTAX + STATEMENTS + WHITESPACE
    out = []
    for source in dict.fromkeys(cases):
        result = run(env, source)
        if " at 0x" in result.get("text", ""):  # differs at every run, so the engine refuses it
            result = {"kind": "TypeError", "message": "an address in memory", "line": 1}
        out.append({"template": source, **result})
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "cases.json"), "w", encoding="utf-8") as f:
        head = {"python": sys.version.split()[0], "jinja2": jinja2.__version__, "variables": VARS}
        f.write(json.dumps(head, ensure_ascii=True)[:-1] + ', "cases": [\n')
        f.write(",\n".join(json.dumps(c, ensure_ascii=True) for c in out) + "\n]}\n")
    print(len(out), "cases,", sum("text" not in c for c in out), "of them errors")


main()
