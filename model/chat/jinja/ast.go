package jinja

import "github.com/steelyard-ml/steelyard/model/chat/py"

// Expressions. Each carries the line that an error in it is reported at.
type (
	expr interface{}

	constant struct{ value py.Value }

	name struct {
		line  int
		id    string
		use   use
		where place // set by the scope pass
	}
	use int // of a name

	// nsref is the target ns.attr of an assignment.
	nsref struct {
		ns   *name
		attr string
	}
	tuple struct {
		line  int
		items []expr
	}
	list struct{ items []expr }
	dict struct {
		line         int
		keys, values []expr
	}
	unary struct { // + - not
		line int
		op   string
		x    expr
	}
	binary struct { // + - * / // % **
		line int
		op   string
		x, y expr
	}
	logic struct { // and or
		op   string
		x, y expr
	}
	comparison struct { // x ops[0] ys[0] ops[1] ys[1] …
		line int
		x    expr
		ops  []string
		ys   []expr
	}
	concat struct{ items []expr }
	cond   struct {
		line       int
		test, x, y expr // y is nil without an else
	}
	getattr struct {
		line int
		x    expr
		attr string
	}
	getitem struct {
		line   int
		x, key expr
	}
	slice struct {
		line                 int
		x, start, stop, step expr // the last three may be nil
	}
	call struct {
		line int
		fn   expr
		args args
	}
	filter struct {
		line int
		x    expr // nil: the text of a filter or set block
		name string
		args args
	}
	test struct {
		line int
		x    expr
		name string
		args args
	}
	args struct {
		pos           []expr
		kwNames       []string
		kwValues      []expr
		dynPos, dynKw expr // *x and **x, or nil
	}
)

const (
	load use = iota
	store
	param
)

// Statements.
type (
	stmt interface{}

	data   struct{ text string }
	output struct {
		line int
		x    expr
	}
	ifStmt struct {
		line  int
		tests []expr
		thens [][]stmt
		other []stmt
	}
	forStmt struct {
		line       int
		target     expr
		iter       expr
		test       expr // or nil
		body, none []stmt
		recursive  bool

		// set by the scope pass
		fn                *function // of a recursive loop
		loop              *name
		bodyScope         *scope
		noneScope         *scope
		testFn            *function
		testScope         *scope
		testTarget, again expr // the target as the test sees it, to store and to load
	}
	setStmt struct {
		line   int
		target expr
		value  expr
	}
	setBlock struct {
		line   int
		target expr
		filter expr // or nil
		body   []stmt
		scope  *scope
	}
	macroStmt struct {
		target *name
		macro  *macro
	}
	callBlock struct {
		line int
		call *call // nil for a generation block, whose text is its body's
		body *macro
	}
	filterBlock struct {
		filter *filter
		body   []stmt
		scope  *scope
	}
	withStmt struct {
		line    int
		targets []expr
		values  []expr
		body    []stmt
		scope   *scope
	}
	breakStmt    struct{ line int }
	continueStmt struct{ line int }

	// macro is the signature and body of a macro or a call block.
	macro struct {
		line     int
		name     string
		args     []*name
		defaults []expr // of the last args
		body     []stmt

		// set by the scope pass
		fn                      *function
		scope                   *scope
		caller, kwargs, varargs *name // nil where the body does not ask for them
	}
)

// eachExpr calls f for every expression directly inside e, in order.
func eachExpr(e expr, f func(expr)) {
	visit := func(es ...expr) {
		for _, e := range es {
			if e != nil {
				f(e)
			}
		}
	}
	switch e := e.(type) {
	case *nsref:
		f(e.ns)
	case *tuple:
		visit(e.items...)
	case *list:
		visit(e.items...)
	case *dict:
		for i := range e.keys {
			visit(e.keys[i], e.values[i])
		}
	case *unary:
		visit(e.x)
	case *binary:
		visit(e.x, e.y)
	case *logic:
		visit(e.x, e.y)
	case *comparison:
		visit(e.x)
		visit(e.ys...)
	case *concat:
		visit(e.items...)
	case *cond:
		visit(e.test, e.x, e.y)
	case *getattr:
		visit(e.x)
	case *getitem:
		visit(e.x, e.key)
	case *slice:
		visit(e.x, e.start, e.stop, e.step)
	case *call:
		visit(e.fn)
		e.args.each(visit)
	case *filter:
		visit(e.x)
		e.args.each(visit)
	case *test:
		visit(e.x)
		e.args.each(visit)
	}
}

func (a *args) each(visit func(...expr)) {
	visit(a.pos...)
	visit(a.kwValues...)
	visit(a.dynPos, a.dynKw)
}

// eachName calls f for every name in e, in order.
func eachName(e expr, f func(*name)) {
	if n, ok := e.(*name); ok {
		f(n)
		return
	}
	eachExpr(e, func(e expr) { eachName(e, f) })
}

// eachNameIn calls f for every name in statements and all that is inside them, in order.
func eachNameIn(body []stmt, f func(*name)) {
	for _, s := range body {
		switch s := s.(type) {
		case *output:
			eachName(s.x, f)
		case *ifStmt:
			for i := range s.tests {
				eachName(s.tests[i], f)
				eachNameIn(s.thens[i], f)
			}
			eachNameIn(s.other, f)
		case *forStmt:
			eachName(s.target, f)
			eachName(s.iter, f)
			eachNameIn(s.body, f)
			eachNameIn(s.none, f)
			eachName(s.test, f)
		case *setStmt:
			eachName(s.target, f)
			eachName(s.value, f)
		case *setBlock:
			eachName(s.target, f)
			eachName(s.filter, f)
			eachNameIn(s.body, f)
		case *macroStmt:
			s.macro.eachName(f)
		case *callBlock:
			if s.call != nil {
				eachName(s.call, f)
			}
			s.body.eachName(f)
		case *filterBlock:
			eachNameIn(s.body, f)
			eachName(s.filter, f)
		case *withStmt:
			for _, list := range [][]expr{s.targets, s.values} {
				for _, e := range list {
					eachName(e, f)
				}
			}
			eachNameIn(s.body, f)
		}
	}
}

func (m *macro) eachName(f func(*name)) {
	for _, arg := range m.args {
		f(arg)
	}
	for _, e := range m.defaults {
		eachName(e, f)
	}
	eachNameIn(m.body, f)
}
