package jinja

import (
	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// A flow is how a statement ends.
type flow int

const (
	onward flow = iota
	breaks
	continues
)

// exec runs statements; it stops early at a break or a continue.
func (r *Run) exec(body []stmt) flow {
	for _, s := range body {
		r.VM.Step(1)
		if f := r.stmt(s); f != onward {
			return f
		}
	}
	return onward
}

func (r *Run) stmt(s stmt) flow {
	switch s := s.(type) {
	case *data:
		r.write(s.text)
	case *output:
		v := r.eval(s.x)
		r.line = s.line
		r.write(r.VM.Str(v))
	case *ifStmt:
		for i, test := range s.tests {
			if r.VM.Truth(r.eval(test)) {
				return r.exec(s.thens[i])
			}
		}
		return r.exec(s.other)
	case *forStmt:
		return r.forStmt(s)
	case *setStmt:
		r.line = s.line
		r.checkNamespaces(s.target)
		v := r.eval(s.value)
		r.line = s.line
		r.assign(s.target, v)
	case *setBlock:
		return r.setBlock(s)
	case *macroStmt:
		*r.at(s.target.where) = r.newMacro(s.macro)
	case *callBlock:
		r.callBlock(s)
	case *filterBlock:
		r.enter(s.scope)
		var f flow
		text := r.capture(func() { f = r.exec(s.body) })
		if f != onward {
			return f
		}
		r.write(r.VM.Str(r.filter(s.filter, text)))
		r.leave(s.scope)
	case *withStmt:
		r.enter(s.scope)
		for i, target := range s.targets {
			r.assign(target, r.eval(s.values[i]))
		}
		f := r.exec(s.body)
		r.leave(s.scope)
		return f
	case *breakStmt:
		return breaks
	case *continueStmt:
		return continues
	}
	return onward
}

func (r *Run) setBlock(s *setBlock) flow {
	r.enter(s.scope)
	var f flow
	text := r.capture(func() { f = r.exec(s.body) })
	if f != onward {
		return f
	}
	var v py.Value = text
	if s.filter != nil {
		v = r.filter(s.filter.(*filter), text)
	}
	r.line = s.line
	r.checkNamespaces(s.target)
	r.assign(s.target, v)
	r.leave(s.scope)
	return onward
}

// checkNamespaces refuses ns.attr as a target where ns is no namespace, before the value is evaluated.
func (r *Run) checkNamespaces(target expr) {
	switch t := target.(type) {
	case *nsref:
		if _, ok := (*r.at(t.ns.where)).(*namespace); !ok {
			py.Throw("TemplateRuntimeError", "cannot assign attribute on non-namespace object")
		}
	case *tuple:
		for _, item := range t.items {
			r.checkNamespaces(item)
		}
	}
}

func (r *Run) assign(target expr, v py.Value) {
	switch t := target.(type) {
	case *name:
		*r.at(t.where) = v
	case *nsref:
		checkAttribute(r.VM, t.attr)
		(*r.at(t.ns.where)).(*namespace).attrs.Set(t.attr, v)
	case *tuple:
		items := r.VM.Items(v)
		if len(items) != len(t.items) {
			py.Throw("ValueError", "%d values to unpack into %d names", len(items), len(t.items))
		}
		for i, item := range t.items {
			r.assign(item, items[i])
		}
	}
}

func (r *Run) callBlock(s *callBlock) {
	caller := r.newMacro(s.body)
	r.line = s.line
	if s.call == nil {
		r.write(r.VM.Str(r.VM.Call(caller, py.Args{})))
		return
	}
	fn := r.eval(s.call.fn)
	a := r.args(&s.call.args)
	for _, kw := range a.Kw {
		if kw.Name == "caller" {
			py.Throw("TypeError", "got multiple values for keyword argument 'caller'")
		}
	}
	a.Kw = append(a.Kw, py.Kwarg{Name: "caller", Value: caller})
	r.line = s.line
	r.write(r.VM.Str(r.VM.Call(fn, a)))
}

func (r *Run) forStmt(s *forStmt) flow {
	items := r.eval(s.iter)
	r.line = s.line
	if s.recursive {
		home := r.frame
		var recurse func(items py.Value, depth int) string
		recurse = func(items py.Value, depth int) string {
			r.VM.Enter()
			defer r.VM.Leave()
			text := ""
			r.within(r.newFrame(s.fn, home), func() {
				text = r.capture(func() { r.loop(s, home, items, depth, recurse) })
			})
			return text
		}
		r.write(recurse(items, 0))
		return onward
	}
	return r.loop(s, r.frame, items, 0, nil)
}

// loop runs a for statement over items; home is the frame that the loop's test sees around it. A break or continue in the else branch
// is the surrounding loop's.
func (r *Run) loop(s *forStmt, home *frame, items py.Value, depth int, recurse func(py.Value, int) string) flow {
	l := &loop{run: r, items: items, next: r.VM.MustIter(items), index0: -1, depth0: depth, recurse: recurse}
	if s.test != nil {
		l.items, l.next = nil, r.tested(s, home, l.next)
	}
	completed := false // some iteration ran to its end, without break or continue
	for {
		r.line = s.line
		item, ok := l.advance()
		if !ok {
			break
		}
		*r.at(s.loop.where) = l
		r.assign(s.target, item)
		r.enter(s.bodyScope)
		f := r.exec(s.body)
		if f == breaks {
			break
		}
		if f == onward {
			completed = true
		}
	}
	r.leave(s.bodyScope)
	if completed {
		return onward
	}
	r.enter(s.noneScope)
	f := r.exec(s.none)
	r.leave(s.noneScope)
	return f
}

// tested passes on the items for which the test of a loop holds, each tested when it is asked for.
func (r *Run) tested(s *forStmt, home *frame, next func() (py.Value, bool)) func() (py.Value, bool) {
	var inside *frame
	return func() (item py.Value, ok bool) {
		r.line = s.line
		if inside == nil {
			inside = r.newFrame(s.testFn, home)
			r.within(inside, func() { r.enter(s.testScope) })
		}
		for {
			if item, ok = next(); !ok {
				return nil, false
			}
			passes := false
			r.within(inside, func() {
				r.assign(s.testTarget, item)
				if passes = r.VM.Truth(r.eval(s.test)); passes {
					item = r.eval(s.again)
				}
			})
			if passes {
				return item, true
			}
		}
	}
}
