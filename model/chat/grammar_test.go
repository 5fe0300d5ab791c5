package chat_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A grammar makes random templates over the variables of testdata/cases.json. Expressions know roughly what type they have, so that most
// templates get somewhere before they fail.
type grammar struct {
	r    *rand.Rand
	vars []string // names set so far
	loop int      // for statements around
	size int      // what may still be made
}

func (g *grammar) pick(options ...string) string { return options[g.r.IntN(len(options))] }
func (g *grammar) chance(n int) bool             { return g.r.IntN(n) == 0 }
func (g *grammar) template() string {
	g.vars, g.loop, g.size = nil, 0, 6+g.r.IntN(40)
	return g.body(0)
}

func (g *grammar) body(depth int) string {
	var b strings.Builder
	for range 1 + g.r.IntN(4) {
		b.WriteString(g.statement(depth))
	}
	return b.String()
}

// scoped is a body whose names end with it.
func (g *grammar) scoped(depth int) string {
	n := len(g.vars)
	text := g.body(depth)
	g.vars = g.vars[:n]
	return text
}

func (g *grammar) tag(text string) string {
	return "{%" + g.pick("", "", "", "-", "-", "+") + " " + text + " " + g.pick("", "", "", "-", "-", "+") + "%}"
}

func (g *grammar) text() string {
	if g.chance(30) {
		return g.pick("{", "{ ", "#", "{%", "{#")
	}
	return g.pick("a", " ", "\n", "\n\n", "  \n  ", "x y", "\t", "<|im_start|>", "é😀", "}", " %}", "'", "\"", "\\n", "&lt;", "b\n  c\n", "#}")
}

func (g *grammar) fresh() string {
	name := g.pick("x", "y", "ns2", "item", "k", "acc", "l", "s")
	g.vars = append(g.vars, name)
	return name
}

func (g *grammar) statement(depth int) string {
	g.size--
	if depth > 4 || g.size < 0 {
		return g.text()
	}
	switch g.r.IntN(24) {
	case 0, 1, 2, 3, 4:
		return g.text()
	case 5, 6, 7, 8, 9, 10:
		return "{{" + g.pick("", "", "-", "+") + " " + g.any(3) + " " + g.pick("", "", "-") + "}}"
	case 11, 12, 13:
		s := g.tag("if "+g.bool(2)) + g.body(depth+1)
		if g.chance(3) {
			s += g.tag("elif "+g.any(2)) + g.body(depth+1)
		}
		if g.chance(2) {
			s += g.tag("else") + g.body(depth+1)
		}
		return s + g.tag("endif")
	case 14, 15, 16:
		return g.forLoop(depth)
	case 17, 18:
		value := g.any(3)
		if g.chance(6) {
			return g.tag("set "+g.fresh()+", "+g.fresh()+" = "+g.any(2)+", "+value) + ""
		}
		return g.tag("set " + g.fresh() + " = " + value)
	case 19:
		filter := ""
		if g.chance(3) {
			filter = " | " + g.pick("upper", "trim", "replace('a', 'b')", "length")
		}
		body := g.scoped(depth + 1)
		return g.tag("set "+g.fresh()+filter) + body + g.tag("endset")
	case 20:
		name := g.fresh()
		ns := g.tag("set " + name + " = namespace(v=" + g.any(1) + ", n=0)")
		body := g.tag("for q in range(3)") + g.tag("set "+name+".n = "+name+".n + "+g.int(1)) + g.tag("set "+name+".v = "+g.any(2)) + g.tag("endfor")
		return ns + body + "{{ " + name + ".n }}{{ " + name + ".v }}{{ " + name + g.pick("", ".w", ".w is defined", "['n']") + " }}"
	case 21:
		return g.macro(depth)
	case 22:
		return g.pick(
			g.tag("with "+g.fresh()+" = "+g.any(2))+g.scoped(depth+1)+g.tag("endwith"),
			g.tag("filter "+g.pick("upper", "trim", "indent(2)", "e", "title"))+g.scoped(depth+1)+g.tag("endfilter"),
			g.tag("generation")+g.scoped(depth+1)+g.tag("endgeneration"))
	}
	return g.pick("{# c #}", "{#- c -#}\n", "  {# a\nb #}\n", g.tag("raw")+" {{ x }} {% y %}\n"+g.tag("endraw"), "{#+ c +#}")
}

func (g *grammar) forLoop(depth int) string {
	over, outside := g.list(2), len(g.vars)
	target := g.fresh()
	if g.chance(6) {
		over, target = g.pick("d.items()", "deep|items", "d|dictsort", "users|groupby('age')", "[(1, 'a'), (2, 'b')]", "nested"), target+", "+g.fresh()
	}
	head := "for " + target + " in " + over
	if g.chance(4) {
		head += " if " + g.bool(2)
	}
	if g.chance(12) {
		head += " recursive"
	}
	g.loop++
	s := g.tag(head)
	if g.chance(3) {
		s += g.tag("if "+g.bool(2)) + g.tag(g.pick("break", "continue")) + g.tag("endif")
	}
	s += g.body(depth + 1)
	g.loop--
	if g.chance(4) {
		s += g.tag("else") + g.body(depth+1)
	}
	g.vars = g.vars[:outside]
	return s + g.tag("endfor")
}

func (g *grammar) macro(depth int) string {
	name, outside, loop := g.pick("m1", "m2"), len(g.vars), g.loop
	g.loop = 0
	params := g.fresh()
	if g.chance(2) {
		params += ", p2=" + g.any(1)
		g.vars = append(g.vars, "p2")
	}
	body := g.scoped(depth + 1)
	if g.chance(3) {
		body += "{{ caller(" + g.pick("", "1", g.any(1)) + ") if caller is defined }}"
	}
	if g.chance(5) {
		body += "{{ varargs }}{{ kwargs }}"
	}
	g.vars, g.loop = g.vars[:outside], loop
	s := g.tag("macro "+name+"("+params+")") + body + g.tag("endmacro")
	use := name + "(" + g.pick("", g.any(2), g.any(1)+", "+g.any(1), "p2="+g.any(1)) + ")"
	if g.chance(3) {
		return s + g.tag("call"+g.pick("", "(z2)", "(z2=1)")+" "+use) + g.scoped(depth+1) + "{{ z2 }}" + g.tag("endcall")
	}
	return s + "{{ " + use + g.pick("", "|trim", "|length", " ~ 'x'") + " }}"
}

func (g *grammar) any(depth int) string {
	switch g.r.IntN(13) {
	case 0, 1, 2, 3:
		return g.str(depth)
	case 4, 5:
		return g.int(depth)
	case 6:
		return g.float(depth)
	case 7, 8:
		return g.list(depth)
	case 9:
		return g.dict(depth)
	case 10:
		return g.bool(depth)
	case 11:
		if len(g.vars) > 0 {
			return g.vars[g.r.IntN(len(g.vars))]
		}
		return g.pick("nil", "none", "undefinedvar", "d.nope", "mixed[4]")
	}
	if g.loop > 0 {
		return "loop." + g.pick("index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem", "depth", "cycle('a', 'b')", "changed("+g.any(0)+")")
	}
	return g.pick("undefinedvar", "nil", "none", "users[2].ok", "1 if no", "messages[0]['nope']")
}

func (g *grammar) str(depth int) string {
	leaf := []string{"s", "u", "w", "q", "empty", "multi", "html", "'ab'", "\"it's\"", "'é😀'", "' a b '", "'\\n'", "''", "'%'", "messages[1].content", "messages[0]['role']", "names[0]", "users[0].n", "bos_token"}
	if depth <= 0 {
		return g.pick(leaf...)
	}
	d := depth - 1
	switch g.r.IntN(16) {
	case 0, 1:
		return g.pick(leaf...)
	case 2:
		return g.str(d) + " ~ " + g.any(d)
	case 3:
		return "(" + g.str(d) + " + " + g.str(d) + ")"
	case 4:
		return g.pick("s", "u", "w", "multi", "messages[1].content", "names[0]", "(s ~ "+g.any(d)+")") + "[" + g.slice(d) + "]"
	case 5, 6:
		return g.paren(g.str(d)) + "." + g.pick("strip()", "lstrip()", "rstrip()", "upper()", "lower()", "title()", "capitalize()", "swapcase()", "strip('a ')",
			"rstrip('\\n')", "lstrip("+g.str(0)+")", "replace("+g.str(0)+", "+g.str(0)+")", "replace('a', '', 1)", "center(12, '*')", "ljust(8)", "rjust(8, '-')", "zfill(6)",
			"join("+g.list(0)+"|map('string'))", "join(names)", "removeprefix('He')", "removesuffix('d')", "expandtabs(4)", "format(1, x=2)")
	case 7, 8, 9:
		return g.paren(g.any(d)) + "|" + g.pick("string", "upper", "lower", "trim", "title", "capitalize", "e", "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)", "tojson(sort_keys=true)",
			"replace('a', 'b')", "default("+g.any(0)+")", "default("+g.any(0)+", true)", "indent(2)", "indent("+g.pick("1", "'> '")+", true)", "truncate(8)", "truncate(5, true, '…')", "center(10)",
			"join("+g.pick("", "', '", "'|'")+")", "first", "last", "urlencode", "safe", "forceescape", "trim('a')", "string|length|string")
	case 10:
		return "(" + g.str(d) + " if " + g.bool(d) + " else " + g.any(d) + ")"
	case 11:
		return g.pick("'%s-%s' % ("+g.any(d)+", "+g.any(d)+")", "'%r' % "+g.paren(g.any(0)), "'%5s|%-5s' % ("+g.str(0)+", "+g.int(0)+")", "'%d %05.1f' % ("+g.int(d)+", "+g.float(0)+")",
			"'%x %o %e %g' % ("+g.int(0)+", "+g.int(0)+", "+g.float(0)+", "+g.float(0)+")", "'%(a)s' % d")
	case 12:
		return g.pick("'{}/{}'.format("+g.any(d)+", "+g.any(0)+")", "'{:>8}|{:<6}|{:^6}'.format("+g.str(0)+", "+g.str(0)+", "+g.int(0)+")", "'{0:.2f} {1:+d} {1:08b} {1:,}'.format("+g.float(0)+", "+g.int(0)+")",
			"'{a!r:>10}'.format(a="+g.any(0)+")", "'{0[0]}{0}'.format("+g.list(0)+")", "'%s'|format("+g.any(d)+")", "'{:e} {:g} {:%}'.format("+g.float(0)+", "+g.float(0)+", "+g.float(0)+")")
	case 13:
		return g.paren(g.str(d)) + ".split(" + g.pick("", "' '", "'l'", "'l', 1", "none, 1", "'\\n'") + ")" + g.pick("[0]", "[-1]", "|last", "[1]")
	case 14:
		return g.paren(g.list(d)) + "|" + g.pick("join", "join(', ')", "map('string')|join('-')", "first", "last", "string", "map('upper')|join")
	}
	return g.paren(g.str(d)) + " * " + g.int(0)
}

func (g *grammar) paren(e string) string {
	if g.chance(4) {
		return e // binds as it binds
	}
	return "(" + e + ")"
}

func (g *grammar) slice(depth int) string {
	part := func() string { return g.pick("", "", "0", "1", "2", "-1", "-2", "5", "99", "none", "i", "l|length") }
	switch g.r.IntN(3) {
	case 0:
		return g.pick("0", "1", "-1", "9", "-9", g.int(depth))
	case 1:
		return part() + ":" + part()
	}
	return part() + ":" + part() + ":" + g.pick("", "1", "2", "-1", "-2", "3")
}

func (g *grammar) int(depth int) string {
	leaf := []string{"0", "1", "2", "3", "-1", "10", "i", "n", "z", "l[0]", "users[0].age", "big", "255", "1_000", "t", "12345678901234567890"}
	if depth <= 0 {
		return g.pick(leaf...)
	}
	d := depth - 1
	switch g.r.IntN(9) {
	case 0, 1:
		return g.pick(leaf...)
	case 2, 3:
		return "(" + g.int(d) + g.pick(" + ", " - ", " * ", " // ", " % ", "+", "-") + g.int(d) + ")"
	case 4:
		return g.paren(g.any(d)) + "|" + g.pick("length", "count", "int", "int(3)", "wordcount", "sum", "abs", "round|int", "max", "min")
	case 5:
		return g.paren(g.str(d)) + "." + g.pick("find('l')", "count('l')", "rfind(' ')", "find('b', 1)", "count('')")
	case 6:
		return g.pick("-", "+") + g.paren(g.int(d))
	case 7:
		return g.list(d) + "|length"
	}
	return g.pick("2 ** 10", "3 ** i", "-2 ** 2", "('7'|int)", "'0x1f'|int(0, 16)", "(7.9|int)", "10 ** 20", "l|sum", "range(5)|sum")
}

func (g *grammar) float(depth int) string {
	leaf := []string{"f", "g", "0.1", "1.5", "2.0", "huge", "tiny", "-0.0", "1e16", "1e-5", "123456.789", "0.5", "100.0", "1e22", "3.14159265358979"}
	if depth <= 0 {
		return g.pick(leaf...)
	}
	d := depth - 1
	switch g.r.IntN(5) {
	case 0:
		return "(" + g.float(d) + g.pick(" + ", " - ", " * ", " / ", " // ", " % ") + g.pick(g.float(d), g.int(d)) + ")"
	case 1:
		return "(" + g.int(d) + " / " + g.int(d) + ")"
	case 2:
		return g.paren(g.float(d)) + "|" + g.pick("round", "round(1)", "round(2, 'floor')", "round(0, 'ceil')", "abs", "float", "string|float")
	case 3:
		return g.paren(g.any(0)) + "|float"
	}
	return g.pick(leaf...)
}

func (g *grammar) list(depth int) string {
	leaf := []string{"l", "names", "mixed", "nested", "users", "messages", "[]", "[1, 2, 3]", "['b', 'a', 'B']", "(1, 2)", "range(4)", "d", "'abc'", "[3, 1.5, true]", "d.values()", "d.keys()", "()"}
	if depth <= 0 {
		return g.pick(leaf...)
	}
	d := depth - 1
	switch g.r.IntN(12) {
	case 0, 1, 2:
		return g.pick(leaf...)
	case 3:
		return "[" + g.any(d) + ", " + g.any(d) + "]"
	case 4:
		return g.pick("l", "names", "nested", "messages", "range(7)", "range(9, 0, -2)", "users", "(l + names)", "s.split()", "d.items()|list") + "[" + g.slice(0) + "]"
	case 5:
		return "(" + g.pick("l", "names", "[1]", "nested", g.list(d)) + " + " + g.pick("l", "[2]", "names", g.list(d)) + ")"
	case 6, 7:
		return g.paren(g.list(d)) + "|" + g.pick("list", "sort", "sort(reverse=true)", "unique|list", "reverse|list", "map('string')|list", "map('upper')|list", "map('length')|list", "select|list",
			"reject('none')|list", "select('string')|list", "select('number')|map('abs')|list", "batch(2)|list", "batch(2, 'x')|list", "slice(2)|list", "map(attribute='n')|list", "map(attribute=0)|list",
			"selectattr('ok')|list", "rejectattr('ok')|list", "select('in', [1, 'a'])|list", "map('tojson')|list", "items|list", "list|last", "map('first')|list", "groupby('age')", "select('odd')|list")
	case 8:
		return g.paren(g.str(d)) + "." + g.pick("split()", "split(',')", "splitlines()", "partition('l')", "rpartition(' ')", "rsplit(' ', 1)", "split('')")
	case 9:
		return g.pick("users|selectattr('age', '==', 30)|list", "users|sort(attribute='n')", "users|map(attribute='n')|sort", "messages|map(attribute='role')|list", "d|dictsort", "d.items()|list",
			"messages|selectattr('tool_calls', 'defined')|list", "users|rejectattr('ok', 'true')|list", "users|map(attribute='ok', default='?')|list", "d|list", "dict(a=1, b=2)|list")
	case 10:
		return "range(" + g.pick("3", "1, 4", "5, 0, -2", "i", "l|length", g.int(0)+" % 9") + ")"
	}
	return g.paren(g.list(0)) + " * " + g.pick("2", "0", "-1", "3")
}

func (g *grammar) dict(depth int) string {
	leaf := []string{"d", "deep", "users[0]", "messages[2]", "{}", "{'a': 1, 'b': [2]}", "{1: 'x', none: 2.5, true: 3}", "dict(a=1)", "messages[2].tool_calls[0]"}
	if depth <= 0 || g.chance(2) {
		return g.pick(leaf...)
	}
	return fmt.Sprintf("{%s: %s, 'k': %s}", g.pick("'a'", "1", "'é'", g.str(0), g.int(0)), g.any(depth-1), g.any(depth-1))
}

func (g *grammar) bool(depth int) string {
	if depth <= 0 {
		return g.pick("t", "no", "true", "false", "add_generation_prompt", "i == 7", "nil is none", "undefinedvar is defined")
	}
	d := depth - 1
	switch g.r.IntN(9) {
	case 0:
		return g.any(d) + g.pick(" == ", " != ") + g.any(d)
	case 1:
		return g.int(d) + g.pick(" < ", " <= ", " > ", " >= ") + g.pick(g.int(d), g.float(0))
	case 2:
		return g.str(0) + g.pick(" in ", " not in ") + g.pick(g.str(d), g.list(d), g.dict(0))
	case 3, 4:
		return g.paren(g.any(d)) + g.pick(" is ", " is not ") + g.pick("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence",
			"iterable", "callable", "odd", "even", "divisibleby(3)", "in "+g.list(0), "eq "+g.int(0), "lower", "upper", "sameas none", "escaped", "gt 1", "filter")
	case 5:
		return "(" + g.bool(d) + g.pick(" and ", " or ") + g.bool(d) + ")"
	case 6:
		return "not " + g.bool(d)
	case 7:
		return g.paren(g.str(d)) + "." + g.pick("startswith('He')", "endswith('d')", "isdigit()", "isalpha()", "isspace()", "isupper()", "islower()", "isalnum()", "isnumeric()", "istitle()", "isidentifier()",
			"startswith(('a', 'H'))", "endswith("+g.str(0)+")", "isascii()", "isdecimal()")
	}
	return g.any(d)
}
