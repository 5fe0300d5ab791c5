package jinja

import (
	"fmt"
	"strings"

	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// eval returns the value of an expression.
func (r *Run) eval(e expr) py.Value {
	r.VM.Step(1)
	switch e := e.(type) {
	case *constant:
		return e.value
	case *name:
		if v := *r.at(e.where); v != nil {
			return v
		}
		return &py.Undefined{Name: e.id}
	case *getattr:
		v := r.eval(e.x)
		r.line = e.line
		return r.VM.GetAttr(v, e.attr)
	case *getitem:
		v, key := r.eval(e.x), r.eval(e.key)
		r.line = e.line
		return r.VM.GetItem(v, key)
	case *slice:
		v := r.eval(e.x)
		start, stop, step := r.optional(e.start), r.optional(e.stop), r.optional(e.step)
		r.line = e.line
		return r.VM.Slice(v, start, stop, step)
	case *call:
		fn := r.eval(e.fn)
		a := r.args(&e.args)
		r.line = e.line
		return r.VM.Call(fn, a)
	case *filter:
		return r.filter(e, "")
	case *test:
		v := r.eval(e.x)
		a := r.args(&e.args)
		r.line = e.line
		if r.env.Tests[e.name] == nil {
			py.Throw("TemplateRuntimeError", "No test named '%s' found.", e.name)
		}
		return r.Test(e.name, v, a)
	case *binary:
		x, y := r.eval(e.x), r.eval(e.y)
		r.line = e.line
		return r.VM.Binary(e.op, x, y)
	case *unary:
		return r.unary(e)
	case *logic:
		x := r.eval(e.x)
		if r.VM.Truth(x) == (e.op == "or") {
			return x
		}
		return r.eval(e.y)
	case *comparison:
		return r.comparison(e)
	case *concat:
		return r.concat(e)
	case *cond:
		switch {
		case r.VM.Truth(r.eval(e.test)):
			return r.eval(e.x)
		case e.y != nil:
			return r.eval(e.y)
		}
		hint := fmt.Sprintf("the inline if-expression on line %d evaluated to false and no else section was defined.", e.line)
		return &py.Undefined{Hint: hint}
	case *tuple:
		return py.NewTuple(r.evals(e.items)...)
	case *list:
		return py.NewList(r.evals(e.items)...)
	case *dict:
		d := py.NewDict()
		for i := range e.keys {
			key, value := r.eval(e.keys[i]), r.eval(e.values[i])
			r.line = e.line
			r.VM.Grow(2)
			r.VM.Key(key)
			d.Set(key, value)
		}
		return d
	}
	return nil
}

func (r *Run) optional(e expr) py.Value {
	if e == nil {
		return py.None
	}
	return r.eval(e)
}

func (r *Run) evals(es []expr) []py.Value {
	r.VM.Grow(len(es))
	vs := make([]py.Value, len(es))
	for i, e := range es {
		vs[i] = r.eval(e)
	}
	return vs
}

func (r *Run) unary(e *unary) py.Value {
	v := r.eval(e.x)
	r.line = e.line
	switch e.op {
	case "not":
		return !r.VM.Truth(v)
	case "-":
		return r.VM.Neg(v)
	}
	return r.VM.Pos(v)
}

func (r *Run) comparison(e *comparison) py.Value {
	x := r.eval(e.x)
	for i, op := range e.ops {
		y := r.eval(e.ys[i])
		r.line = e.line
		holds := false
		switch op {
		case "==":
			holds = r.VM.Equal(x, y)
		case "!=":
			holds = !r.VM.Equal(x, y)
		case "in":
			holds = r.VM.Contains(y, x)
		case "not in":
			holds = !r.VM.Contains(y, x)
		default:
			holds = r.VM.Compare(op, x, y)
		}
		if !holds {
			return false
		}
		x = y
	}
	return true
}

func (r *Run) concat(e *concat) py.Value {
	var b strings.Builder
	for _, item := range e.items {
		s := r.VM.Str(r.eval(item))
		r.VM.Build(len(s))
		b.WriteString(s)
	}
	return b.String()
}

func (r *Run) args(a *args) py.Args {
	var made py.Args
	if len(a.pos) > 0 {
		made.Pos = r.evals(a.pos)
	}
	for i, id := range a.kwNames {
		made.Kw = append(made.Kw, py.Kwarg{Name: id, Value: r.eval(a.kwValues[i])})
	}
	if a.dynPos != nil {
		items := r.VM.Items(r.eval(a.dynPos))
		r.VM.Grow(len(items))
		made.Pos = append(made.Pos, items...)
	}
	if a.dynKw != nil {
		d, ok := r.eval(a.dynKw).(*py.Dict)
		if !ok {
			py.Throw("TypeError", "argument after ** must be a mapping")
		}
		r.VM.Grow(d.Len())
		for i := range d.Len() {
			key, value := d.Entry(i)
			id, ok := py.Text(key)
			if !ok {
				py.Throw("TypeError", "keywords must be strings")
			}
			for _, kw := range made.Kw {
				if kw.Name == id {
					py.Throw("TypeError", "got multiple values for keyword argument '%s'", id)
				}
			}
			made.Kw = append(made.Kw, py.Kwarg{Name: id, Value: value})
		}
	}
	return made
}

// filter applies a filter to its expression, or to text at the beginning of the chain of a block.
func (r *Run) filter(e *filter, text string) py.Value {
	var v py.Value
	switch x := e.x.(type) {
	case nil:
		v = text
	case *filter:
		v = r.filter(x, text)
	default:
		v = r.eval(x)
	}
	a := r.args(&e.args)
	r.line = e.line
	if r.env.Filters[e.name] == nil {
		py.Throw("TemplateRuntimeError", "No filter named '%s' found.", e.name)
	}
	return r.Filter(e.name, v, a)
}

// Filter applies a filter by its name.
func (r *Run) Filter(name string, v py.Value, a py.Args) py.Value {
	f := r.env.Filters[name]
	if f == nil {
		py.Throw("TemplateRuntimeError", "No filter named '%s'.", name)
	}
	r.VM.Step(1)
	return f(r, v, a)
}

// Test applies a test by its name.
func (r *Run) Test(name string, v py.Value, a py.Args) bool {
	t := r.env.Tests[name]
	if t == nil {
		py.Throw("TemplateRuntimeError", "No test named '%s'.", name)
	}
	r.VM.Step(1)
	return t(r, v, a)
}

// HasFilter reports whether there is a filter of this name.
func (r *Run) HasFilter(name string) bool { return r.env.Filters[name] != nil }

// HasTest reports whether there is a test of this name.
func (r *Run) HasTest(name string) bool { return r.env.Tests[name] != nil }
