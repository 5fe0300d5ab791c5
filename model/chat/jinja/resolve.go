package jinja

// A resolver walks the statements in the order of Jinja's code generator and gives every name its place.
type resolver struct {
	env  *Environment
	fn   *function
	syms *symbols
	soft bool // an unknown filter or test here fails only when it is reached
}

// resolve analyses a whole template.
func resolve(env *Environment, body []stmt) (*function, *scope) {
	fn := &function{}
	r := &resolver{env, fn, newSymbols(nil, fn), false}
	r.syms.statements(body)
	r.statements(body)
	return fn, r.syms.scope()
}

// inner returns the resolver of a block with a scope of its own.
func (r *resolver) inner() *resolver {
	return &resolver{r.env, r.fn, newSymbols(r.syms, r.fn), false}
}

// function returns the resolver of a function inside this one.
func (r *resolver) function() *resolver {
	fn := &function{depth: r.fn.depth + 1}
	return &resolver{r.env, fn, newSymbols(r.syms, fn), false}
}

func (r *resolver) place(n *name) {
	v := r.syms.find(n.id)
	if v == nil { // only in the filter of a set block, which Jinja does not analyse
		r.syms.load(n.id)
		v = r.syms.find(n.id)
	}
	n.where = v.seenFrom(r.fn)
}

func (r *resolver) exprs(es ...expr) {
	for _, e := range es {
		r.expr(e, r.soft)
	}
}

func (r *resolver) expr(e expr, soft bool) {
	switch e := e.(type) {
	case nil:
		return
	case *name:
		r.place(e)
		return
	case *cond:
		soft = true
	case *filter:
		if r.env.Filters[e.name] == nil && !soft {
			syntaxError(e.line, "No filter named '%s'.", e.name)
		}
	case *test:
		if r.env.Tests[e.name] == nil && !soft {
			syntaxError(e.line, "No test named '%s'.", e.name)
		}
	}
	eachExpr(e, func(e expr) { r.expr(e, soft) })
}

func (r *resolver) statements(body []stmt) {
	for _, s := range body {
		switch s := s.(type) {
		case *output:
			r.exprs(s.x)
		case *setStmt:
			r.exprs(s.target, s.value)
		case *setBlock:
			in := r.inner()
			in.syms.statements(s.body)
			in.statements(s.body)
			r.exprs(s.target)
			in.exprs(s.filter)
			s.scope = in.syms.scope()
		case *ifStmt:
			branch := &resolver{r.env, r.fn, r.syms, true}
			for i := range s.tests {
				branch.exprs(s.tests[i])
				branch.statements(s.thens[i])
			}
			branch.statements(s.other)
		case *forStmt:
			r.loop(s)
		case *macroStmt:
			r.macro(s.macro)
			r.exprs(s.target)
		case *callBlock:
			r.macro(s.body)
			if s.call != nil {
				r.exprs(s.call)
			}
		case *filterBlock:
			in := r.inner()
			in.syms.statements(s.body)
			in.syms.names(s.filter)
			in.statements(s.body)
			in.exprs(s.filter)
			s.scope = in.syms.scope()
		case *withStmt:
			in := r.inner()
			in.syms.names(s.targets...)
			in.syms.statements(s.body)
			in.exprs(s.targets...)
			r.exprs(s.values...)
			in.statements(s.body)
			s.scope = in.syms.scope()
		}
	}
}

func (r *resolver) loop(s *forStmt) {
	outer := r
	r.exprs(s.iter)
	if s.test != nil {
		in := r.function()
		s.testTarget, s.again = retarget(s.target, param), retarget(s.target, load)
		in.syms.names(s.testTarget, s.test)
		in.exprs(s.testTarget, s.again, s.test)
		s.testFn, s.testScope = in.fn, in.syms.scope()
	}
	if s.recursive {
		// the function's own scope is that of the loop's body; an empty one stands between, as the else branch shares the function
		fn := &function{depth: r.fn.depth + 1}
		outer = &resolver{r.env, fn, newSymbols(r.syms, fn), false}
		s.fn = fn
	}
	in, none := outer.inner(), outer.inner()
	s.loop = &name{id: "loop", use: param}
	eachName(s.target, func(n *name) { n.use = param })
	in.syms.name(s.loop)
	in.syms.names(s.target)
	in.syms.statements(s.body)
	in.place(s.loop)
	in.exprs(s.target)
	in.statements(s.body)
	s.bodyScope = in.syms.scope()
	none.syms.statements(s.none)
	none.statements(s.none)
	s.noneScope = none.syms.scope()
}

// retarget copies a loop's target for another use.
func retarget(e expr, u use) expr {
	switch e := e.(type) {
	case *name:
		return &name{line: e.line, id: e.id, use: u}
	case *tuple:
		t := &tuple{line: e.line}
		for _, item := range e.items {
			t.items = append(t.items, retarget(item, u))
		}
		return t
	}
	return e
}

func (r *resolver) macro(m *macro) {
	in := r.function()
	m.fn = in.fn
	for _, arg := range m.args {
		in.syms.name(arg)
	}
	in.syms.names(m.defaults...)
	in.syms.statements(m.body)
	special := func(id string) *name {
		for i, arg := range m.args {
			if arg.id != id {
				continue
			}
			if id == "caller" && i < len(m.args)-len(m.defaults) {
				syntaxError(m.line, `When defining macros or call blocks the special "caller" argument must be omitted or be given a default.`)
			}
			return nil
		}
		in.syms.parameter(id)
		n := &name{id: id, use: param}
		in.place(n)
		return n
	}
	asked := asksFor(m.body, "caller", "kwargs", "varargs")
	if asked["caller"] {
		m.caller = special("caller")
	}
	if asked["kwargs"] {
		m.kwargs = special("kwargs")
	}
	if asked["varargs"] {
		m.varargs = special("varargs")
	}
	for _, arg := range m.args {
		in.place(arg)
	}
	in.exprs(m.defaults...)
	in.statements(m.body)
	m.scope = in.syms.scope()
}

// asksFor tells which of the names are read in body before they are assigned there.
func asksFor(body []stmt, ids ...string) map[string]bool {
	asked, open := map[string]bool{}, map[string]bool{}
	for _, id := range ids {
		open[id] = true
	}
	eachNameIn(body, func(n *name) {
		if n.use == load && open[n.id] {
			asked[n.id] = true
		} else {
			delete(open, n.id)
		}
	})
	return asked
}
