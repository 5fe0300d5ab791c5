package jinja

import (
	"slices"

	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// A tupleMode says how an expression is parsed that may be several, with commas between them.
type tupleMode struct {
	simple    bool // names and literals only: a target
	noCond    bool // no "a if b else c"
	namespace bool // ns.attr is a target
	parens    bool // inside parentheses, where nothing is an empty tuple
}

var (
	withCond      = tupleMode{}
	withoutCond   = tupleMode{noCond: true}
	withNamespace = tupleMode{namespace: true}
	inParens      = tupleMode{parens: true}
)

func (p *parser) tuple(mode tupleMode) expr {
	line := p.line()
	var items []expr
	isTuple := false
	for {
		if len(items) > 0 {
			p.expect(",")
		}
		if p.is(tokVarEnd) || p.is(tokBlockEnd) || p.is(")") {
			break
		}
		if mode.simple {
			items = append(items, p.primary(mode.namespace))
		} else {
			items = append(items, p.expression(mode))
		}
		if !p.is(",") {
			break
		}
		isTuple = true
		line = p.line()
	}
	if !isTuple {
		if len(items) > 0 {
			return items[0]
		}
		if !mode.parens {
			p.fail("Expected an expression, got %s", p.cur().describe())
		}
	}
	return &tuple{line, items}
}

func (p *parser) expression(mode tupleMode) expr {
	if mode.noCond {
		return p.or()
	}
	defer p.deeper()()
	line := p.line()
	e := p.or()
	for p.skipName("if") {
		p.level()
		c := &cond{line: line, x: e}
		c.test = p.or()
		if p.skipName("else") {
			c.y = p.expression(withCond)
		}
		e = c
		line = p.line()
	}
	return e
}

func (p *parser) or() expr {
	defer p.deeper()()
	e := p.and()
	for p.skipName("or") {
		p.level()
		e = &logic{"or", e, p.and()}
	}
	return e
}

func (p *parser) and() expr {
	defer p.deeper()()
	e := p.not()
	for p.skipName("and") {
		p.level()
		e = &logic{"and", e, p.not()}
	}
	return e
}

func (p *parser) not() expr {
	if !p.isName("not") {
		return p.compare()
	}
	defer p.deeper()()
	line := p.next().line
	return &unary{line, "not", p.not()}
}

func (p *parser) compare() expr {
	c := &comparison{line: p.line(), x: p.sum()}
	for {
		switch {
		case slices.Contains([]kind{"==", "!=", "<", "<=", ">", ">="}, p.cur().kind):
			c.ops = append(c.ops, string(p.next().kind))
		case p.skipName("in"):
			c.ops = append(c.ops, "in")
		case p.isName("not") && p.look().kind == tokName && p.look().text == "in":
			p.next()
			p.next()
			c.ops = append(c.ops, "not in")
		default:
			if len(c.ops) == 0 {
				return c.x
			}
			return c
		}
		c.ys = append(c.ys, p.sum())
	}
}

// leftToRight parses operators of one rank.
func (p *parser) leftToRight(operand func() expr, ops ...kind) expr {
	defer func(before int) { p.depth = before }(p.depth)
	line := p.line()
	e := operand()
	for slices.Contains(ops, p.cur().kind) {
		p.level()
		op := string(p.next().kind)
		e = &binary{line, op, e, operand()}
		line = p.line()
	}
	return e
}

func (p *parser) sum() expr     { return p.leftToRight(p.concat, "+", "-") }
func (p *parser) product() expr { return p.leftToRight(p.power, "*", "/", "//", "%") }
func (p *parser) power() expr   { return p.leftToRight(p.unaryFiltered, "**") }

func (p *parser) concat() expr {
	items := []expr{p.product()}
	for p.skip("~") {
		items = append(items, p.product())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &concat{items}
}

func (p *parser) unaryFiltered() expr {
	defer p.deeper()()
	e := p.unary()
	for {
		switch {
		case p.is("|"):
			e = p.filters(e)
		case p.isName("is"):
			p.level()
			e = p.test(e)
		case p.is("("):
			p.level()
			e = p.call(e)
		default:
			return e
		}
	}
}

func (p *parser) unary() expr {
	defer p.deeper()()
	if p.is("-") || p.is("+") {
		t := p.next()
		return p.postfix(&unary{t.line, string(t.kind), p.unary()})
	}
	return p.postfix(p.primary(false))
}

func (p *parser) primary(namespace bool) expr {
	t := p.cur()
	switch t.kind {
	case tokName:
		p.next()
		switch t.text {
		case "true", "True":
			return &constant{true}
		case "false", "False":
			return &constant{false}
		case "none", "None":
			return &constant{py.None}
		}
		if namespace && p.skip(".") {
			return &nsref{&name{line: t.line, id: t.text}, p.expect(tokName).text}
		}
		return &name{line: t.line, id: t.text}
	case tokString:
		text := ""
		for p.is(tokString) {
			s, _ := py.Text(p.next().value)
			text += s
		}
		return &constant{text}
	case tokInt, tokFloat:
		p.next()
		return &constant{t.value}
	case "(":
		p.next()
		e := p.tuple(inParens)
		p.expect(")")
		return e
	case "[":
		p.next()
		e := &list{}
		p.separated("]", func() { e.items = append(e.items, p.expression(withCond)) })
		return e
	case "{":
		e := &dict{line: p.next().line}
		p.separated("}", func() {
			e.keys = append(e.keys, p.expression(withCond))
			p.expect(":")
			e.values = append(e.values, p.expression(withCond))
		})
		return e
	}
	p.fail("unexpected %s", t.describe())
	return nil
}

// separated parses items up to end, with commas between them and perhaps one after.
func (p *parser) separated(end kind, item func()) {
	for first := true; !p.is(end); first = false {
		if !first {
			if p.expect(","); p.is(end) {
				break
			}
		}
		item()
	}
	p.next()
}

func (p *parser) postfix(e expr) expr {
	for {
		switch {
		case p.is("."):
			p.level()
			line := p.next().line
			switch t := p.next(); t.kind {
			case tokName:
				e = &getattr{line, e, t.text}
			case tokInt:
				e = &getitem{line, e, &constant{t.value}}
			default:
				syntaxError(t.line, "expected name or number, got %s", t.describe())
			}
		case p.is("["):
			p.level()
			e = p.subscript(e)
		case p.is("("):
			p.level()
			e = p.call(e)
		default:
			return e
		}
	}
}

func (p *parser) subscript(x expr) expr {
	line := p.next().line
	var keys []expr
	for !p.is("]") {
		if len(keys) > 0 {
			p.expect(",")
		}
		keys = append(keys, p.subscribed(line, x))
	}
	p.next()
	if len(keys) == 1 {
		if s, ok := keys[0].(*slice); ok {
			return s
		}
		return &getitem{line, x, keys[0]}
	}
	for _, key := range keys {
		if _, ok := key.(*slice); ok {
			syntaxError(line, "a slice beside other subscripts")
		}
	}
	return &getitem{line, x, &tuple{line, keys}}
}

func (p *parser) subscribed(line int, x expr) expr {
	s := &slice{line: line, x: x}
	if !p.is(":") {
		s.start = p.expression(withCond)
		if !p.is(":") {
			return s.start
		}
	}
	p.next()
	ends := func() bool { return p.is("]") || p.is(",") }
	if !p.is(":") && !ends() {
		s.stop = p.expression(withCond)
	}
	if p.skip(":") && !ends() {
		s.step = p.expression(withCond)
	}
	return s
}

func (p *parser) args() args {
	line := p.next().line
	var a args
	p.separated(")", func() {
		ensure := func(ok bool) {
			if !ok {
				syntaxError(line, "invalid syntax for function call expression")
			}
		}
		switch {
		case p.skip("*"):
			ensure(a.dynPos == nil && a.dynKw == nil)
			a.dynPos = p.expression(withCond)
		case p.skip("**"):
			ensure(a.dynKw == nil)
			a.dynKw = p.expression(withCond)
		case p.is(tokName) && p.look().kind == "=":
			ensure(a.dynKw == nil)
			key := p.next().text
			p.next()
			if slices.Contains(a.kwNames, key) {
				syntaxError(line, "keyword argument repeated: %s", key)
			}
			a.kwNames = append(a.kwNames, key)
			a.kwValues = append(a.kwValues, p.expression(withCond))
		default:
			ensure(a.dynPos == nil && a.dynKw == nil && len(a.kwNames) == 0)
			a.pos = append(a.pos, p.expression(withCond))
		}
	})
	return a
}

func (p *parser) call(fn expr) expr { return &call{p.line(), fn, p.args()} }

func (p *parser) filters(e expr) expr {
	for p.skip("|") {
		p.level()
		e = p.oneFilter(e)
	}
	return e
}

func (p *parser) dotted() (line int, id string) {
	t := p.expect(tokName)
	id = t.text
	for p.skip(".") {
		id += "." + p.expect(tokName).text
	}
	return t.line, id
}

func (p *parser) oneFilter(x expr) *filter {
	f := &filter{x: x}
	f.line, f.name = p.dotted()
	if p.is("(") {
		f.args = p.args()
	}
	return f
}

func (p *parser) test(x expr) expr {
	line := p.next().line
	negated := p.skipName("not")
	t := &test{line: line, x: x}
	_, t.name = p.dotted()
	switch p.cur().kind {
	case "(":
		t.args = p.args()
	case tokName, tokString, tokInt, tokFloat, "[", "{":
		if p.isName("else") || p.isName("or") || p.isName("and") {
			break
		}
		if p.isName("is") {
			p.fail("You cannot chain multiple tests with is")
		}
		t.args.pos = []expr{p.postfix(p.primary(false))}
	}
	if negated {
		return &unary{line, "not", t}
	}
	return t
}
