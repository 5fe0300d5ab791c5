package jinja

import (
	"fmt"
	"slices"
	"strings"
)

// A parser turns tokens into statements. Its functions are named for the grammar of Jinja's own parser.
type parser struct {
	tokens []token
	at     int
	depth  int // nesting so far
	open   []string
	loops  int // loops around the current statement within its macro or template
}

// maxNesting bounds the depth of a tree, which the interpreter's stack follows. A pair of parentheses counts as five, an operator in a
// chain as one; CPython stops at 70 pairs and at chains of 200.
const maxNesting = 500

func syntaxError(line int, format string, args ...any) {
	panic(&Error{Line: line, Kind: "TemplateSyntaxError", Message: fmt.Sprintf(format, args...)})
}

func (p *parser) cur() *token  { return &p.tokens[p.at] }
func (p *parser) look() *token { return &p.tokens[min(p.at+1, len(p.tokens)-1)] }
func (p *parser) line() int    { return p.cur().line }

func (p *parser) next() *token {
	t := p.cur()
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	return t
}

func (p *parser) is(k kind) bool          { return p.cur().kind == k }
func (p *parser) isName(s string) bool    { return p.is(tokName) && p.cur().text == s }
func (p *parser) fail(f string, a ...any) { syntaxError(p.line(), f, a...) }

func (p *parser) skip(k kind) bool {
	if !p.is(k) {
		return false
	}
	p.next()
	return true
}

func (p *parser) skipName(s string) bool {
	if !p.isName(s) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(k kind) *token {
	if !p.is(k) {
		p.fail("expected %s, got %s", k, p.cur().describe())
	}
	return p.next()
}

func (t *token) describe() string {
	if t.kind == tokName {
		return "'" + t.text + "'"
	}
	return string(t.kind)
}

// deeper counts one level of nesting; its result undoes it and what was counted since.
func (p *parser) deeper() func() {
	before := p.depth
	p.level()
	return func() { p.depth = before }
}

func (p *parser) level() {
	if p.depth++; p.depth > maxNesting {
		p.fail("nested more than %d levels deep", maxNesting)
	}
}

// body reads what is between a tag and one of the ends; the end's name is the current token afterwards.
func (p *parser) body(ends ...string) []stmt {
	defer p.deeper()()
	p.skip(":")
	p.expect(tokBlockEnd)
	stmts := p.statements(ends...)
	if p.is(tokEOF) {
		p.unexpected("Unexpected end of template.", ends)
	}
	return stmts
}

// bodyTo is body with one end, which it reads too.
func (p *parser) bodyTo(end string) []stmt {
	stmts := p.body(end)
	p.next()
	return stmts
}

func (p *parser) unexpected(what string, ends []string) {
	if len(ends) > 0 {
		what += fmt.Sprintf(" Looking for: '%s'.", strings.Join(ends, "' or '"))
	}
	if len(p.open) > 0 {
		what += fmt.Sprintf(" The innermost block that needs to be closed is '%s'.", p.open[len(p.open)-1])
	}
	p.fail("%s", what)
}

func (p *parser) statements(ends ...string) []stmt {
	var stmts []stmt
	for {
		switch p.cur().kind {
		case tokEOF:
			return stmts
		case tokData:
			stmts = append(stmts, &data{p.next().text})
		case tokVarBegin:
			line := p.next().line
			stmts = append(stmts, &output{line, p.tuple(withCond)})
			p.expect(tokVarEnd)
		default:
			p.next()
			if p.is(tokName) && slices.Contains(ends, p.cur().text) {
				return stmts
			}
			stmts = append(stmts, p.statement(ends)...)
			p.expect(tokBlockEnd)
		}
	}
}

func (p *parser) statement(ends []string) []stmt {
	if !p.is(tokName) {
		p.fail("tag name expected, got %s", p.cur().describe())
	}
	tag := p.cur().text
	parse := map[string]func(line int) stmt{
		"for": p.forStmt, "if": p.ifStmt, "set": p.setStmt, "macro": p.macroStmt, "call": p.callBlock, "filter": p.filterBlock,
		"with": p.withStmt, "break": p.loopControl, "continue": p.loopControl, "generation": p.generation,
	}[tag]
	if tag == "print" {
		return p.print()
	}
	if parse == nil {
		switch tag {
		case "extends", "block", "include", "import", "from", "autoescape":
			p.fail("tag '%s' is not supported: a chat template stands alone", tag)
		}
		p.unexpected(fmt.Sprintf("Encountered unknown tag '%s'.", tag), ends)
	}
	p.open = append(p.open, tag)
	defer func() { p.open = p.open[:len(p.open)-1] }()
	return []stmt{parse(p.line())}
}

// loopControl keeps the name of its tag as the current token's, as every parser of a tag finds it.
func (p *parser) loopControl(line int) stmt {
	tag := p.next().text
	if p.loops == 0 {
		syntaxError(line, "'%s' outside loop", tag)
	}
	if tag == "break" {
		return &breakStmt{line}
	}
	return &continueStmt{line}
}

func (p *parser) print() []stmt {
	line := p.next().line
	var stmts []stmt
	for !p.is(tokBlockEnd) {
		if len(stmts) > 0 {
			p.expect(",")
		}
		stmts = append(stmts, &output{line, p.expression(withCond)})
	}
	return stmts
}

func (p *parser) forStmt(line int) stmt {
	p.next()
	f := &forStmt{line: line}
	f.target = p.target(withCond)
	if !p.skipName("in") {
		p.fail("expected 'in', got %s", p.cur().describe())
	}
	f.iter = p.tuple(withoutCond)
	if p.skipName("if") {
		f.test = p.expression(withCond)
	}
	f.recursive = p.skipName("recursive")
	p.loops++
	f.body = p.body("endfor", "else")
	p.loops--
	if p.next().text == "else" {
		f.none = p.bodyTo("endfor")
	}
	check := func(n *name) {
		if n.use == store && n.id == "loop" {
			syntaxError(n.line, "Can't assign to special loop variable in for-loop target")
		}
	}
	eachName(f.target, check)
	eachNameIn(f.body, check)
	eachNameIn(f.none, check)
	return f
}

func (p *parser) ifStmt(line int) stmt {
	s := &ifStmt{line: line}
	for {
		p.next()
		s.tests = append(s.tests, p.tuple(withoutCond))
		s.thens = append(s.thens, p.body("elif", "else", "endif"))
		if p.isName("elif") {
			continue
		}
		if p.next().text == "else" {
			s.other = p.bodyTo("endif")
		}
		return s
	}
}

func (p *parser) setStmt(line int) stmt {
	p.next()
	target := p.target(withNamespace)
	if p.skip("=") {
		return &setStmt{line: line, target: target, value: p.tuple(withCond)}
	}
	s := &setBlock{line: line, target: target}
	if p.is("|") {
		s.filter = p.filters(nil)
	}
	s.body = p.bodyTo("endset")
	return s
}

func (p *parser) withStmt(line int) stmt {
	p.next()
	s := &withStmt{line: line}
	for !p.is(tokBlockEnd) {
		if len(s.targets) > 0 {
			p.expect(",")
		}
		target := p.target(withCond)
		eachName(target, func(n *name) { n.use = param })
		s.targets = append(s.targets, target)
		p.expect("=")
		s.values = append(s.values, p.expression(withCond))
	}
	s.body = p.bodyTo("endwith")
	return s
}

// macroBody parses the body of a macro, where no outer loop can be left.
func (p *parser) macroBody(m *macro, end string) {
	loops := p.loops
	p.loops = 0
	m.body = p.bodyTo(end)
	p.loops = loops
}

func (p *parser) macroStmt(line int) stmt {
	p.next()
	target := p.nameTarget()
	m := &macro{line: line, name: target.id}
	p.signature(m)
	p.macroBody(m, "endmacro")
	return &macroStmt{target, m}
}

func (p *parser) callBlock(line int) stmt {
	p.next()
	m := &macro{line: line}
	if p.is("(") {
		p.signature(m)
	}
	fn, ok := p.expression(withCond).(*call)
	if !ok {
		syntaxError(line, "expected call")
	}
	p.macroBody(m, "endcall")
	return &callBlock{line, fn, m}
}

// generation is a block that a trainer's extension defines; what it holds is printed.
func (p *parser) generation(line int) stmt {
	p.next()
	m := &macro{line: line}
	p.macroBody(m, "endgeneration")
	return &callBlock{line, nil, m}
}

func (p *parser) filterBlock(line int) stmt {
	p.next()
	s := &filterBlock{}
	s.filter = p.oneFilter(nil)
	for p.skip("|") {
		p.level()
		s.filter = p.oneFilter(s.filter)
	}
	s.body = p.bodyTo("endfilter")
	return s
}

func (p *parser) signature(m *macro) {
	p.expect("(")
	for !p.is(")") {
		if len(m.args) > 0 {
			p.expect(",")
		}
		arg := p.nameTarget()
		arg.use = param
		for _, other := range m.args {
			if other.id == arg.id {
				syntaxError(arg.line, "duplicate argument '%s'", arg.id)
			}
		}
		if p.skip("=") {
			m.defaults = append(m.defaults, p.expression(withCond))
		} else if len(m.defaults) > 0 {
			p.fail("non-default argument follows default argument")
		}
		m.args = append(m.args, arg)
	}
	p.next()
}

func (p *parser) nameTarget() *name {
	t := p.expect(tokName)
	if slices.Contains([]string{"true", "True", "false", "False", "none", "None"}, t.text) {
		syntaxError(t.line, "can't assign to '%s'", t.text)
	}
	return &name{line: t.line, id: t.text, use: store}
}

// target parses what can be assigned to.
func (p *parser) target(mode tupleMode) expr {
	line := p.line()
	mode.simple = true
	target := p.tuple(mode)
	if !assignable(target) {
		syntaxError(line, "can't assign to this expression")
	}
	return target
}

// assignable marks the names in a target as stored to.
func assignable(e expr) bool {
	switch e := e.(type) {
	case *name:
		e.use = store
		return true
	case *nsref:
		return true
	case *tuple:
		for _, item := range e.items {
			if !assignable(item) {
				return false
			}
		}
		return true
	}
	return false
}
