package filters

import (
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/model/chat/jinja"
	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// mapping is v as what has items to list.
func mapping(v py.Value) *py.Dict {
	switch v := v.(type) {
	case *py.Dict:
		return v
	case *py.Undefined:
		v.Fail()
	}
	py.Throw("AttributeError", "'%s' object has no attribute 'items'", py.TypeName(v))
	return nil
}

func items(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("items")
	next := func() (py.Value, bool) { return nil, false }
	switch v := v.(type) {
	case *py.Undefined:
	case *py.Dict:
		next = r.VM.MustIter(v.Items())
	default:
		py.Throw("TypeError", "Can only get item pairs from a mapping.")
	}
	return py.Generate("generator", next)
}

func toList(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("list")
	found := r.VM.Items(v)
	r.VM.Grow(len(found))
	return py.NewList(slices.Clone(found)...)
}

func join(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("join", "d?", "attribute?")
	sep := ""
	if p[0] != nil {
		sep = r.VM.Str(p[0])
	}
	get := getter(r, p[1], nil, asIs)
	var b strings.Builder
	next := r.VM.MustIter(v)
	for item, ok := next(); ok; {
		text := r.VM.Str(get(item))
		if item, ok = next(); ok {
			r.VM.Build(len(sep))
			text += sep
		}
		r.VM.Build(len(text))
		b.WriteString(text)
	}
	return b.String()
}

func first(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("first")
	if item, ok := r.VM.MustIter(v)(); ok {
		return item
	}
	return &py.Undefined{Hint: "No first item, sequence was empty."}
}

func last(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("last")
	it, ok := r.VM.Reversed(v)
	if !ok {
		py.Throw("TypeError", "'%s' object is not reversible", py.TypeName(v))
	}
	if item, ok := it.Next(); ok {
		return item
	}
	return &py.Undefined{Hint: "No last item, sequence was empty."}
}

func reverse(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("reverse")
	if _, ok := py.Text(v); ok {
		return r.VM.Slice(v, py.None, py.None, int64(-1))
	}
	if it, ok := r.VM.Reversed(v); ok {
		return it
	}
	if _, ok := r.VM.Iter(v); !ok {
		py.Throw("FilterArgumentError", "argument must be iterable")
	}
	found := slices.Clone(r.VM.Items(v))
	slices.Reverse(found)
	return py.NewList(found...)
}

func unique(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("unique", "case_sensitive?", "attribute?")
	key := getter(r, p[1], nil, caseOf(r, p[0]))
	seen := py.NewDict()
	next := lazily(r, v)
	return py.Generate("generator", func() (py.Value, bool) {
		for {
			item, ok := next()
			if !ok {
				return nil, false
			}
			k := key(item)
			before := seen.Len()
			r.VM.Grow(2)
			r.VM.Key(k)
			if seen.Set(k, true); seen.Len() > before {
				return item, true
			}
		}
	})
}

// lazily is iter(v) at the first item that is asked for, as a generator has it.
func lazily(r *jinja.Run, v py.Value) func() (py.Value, bool) {
	var next func() (py.Value, bool)
	return func() (py.Value, bool) {
		if next == nil {
			next = r.VM.MustIter(v)
		}
		return next()
	}
}

func generate(r *jinja.Run, v py.Value, next func() (py.Value, bool)) py.Value {
	if !r.VM.Truth(v) { // Jinja's map and select are empty over what is false, even where that can't be iterated over
		next = func() (py.Value, bool) { return nil, false }
	}
	return py.Generate("generator", next)
}

func mapped(r *jinja.Run, v py.Value, a py.Args) py.Value {
	next := lazily(r, v)
	var apply func(py.Value) py.Value
	prepare := func() func(py.Value) py.Value {
		if len(a.Pos) == 0 && slices.ContainsFunc(a.Kw, func(kw py.Kwarg) bool { return kw.Name == "attribute" }) {
			for _, kw := range a.Kw {
				if kw.Name != "attribute" && kw.Name != "default" {
					py.Throw("FilterArgumentError", "Unexpected keyword argument %s", r.VM.Repr(kw.Name))
				}
			}
			p := a.Bind("map", "attribute", "default?")
			if p[1] == py.None {
				p[1] = nil
			}
			return getter(r, p[0], p[1], asIs)
		}
		if len(a.Pos) == 0 {
			py.Throw("FilterArgumentError", "map requires a filter argument")
		}
		name, rest := r.VM.Str(a.Pos[0]), py.Args{Pos: a.Pos[1:], Kw: a.Kw}
		return func(item py.Value) py.Value { return r.Filter(name, item, rest) }
	}
	return generate(r, v, func() (py.Value, bool) {
		if apply == nil {
			apply = prepare()
		}
		item, ok := next()
		if !ok {
			return nil, false
		}
		r.VM.Enter()
		defer r.VM.Leave()
		return apply(item), true
	})
}

// selecting is select, reject, selectattr or rejectattr: it passes on the items for which a test is want.
type selecting struct {
	want        bool
	byAttribute bool // the test is of an attribute, whose name comes first
}

func (s selecting) filter(r *jinja.Run, v py.Value, a py.Args) py.Value {
	next := lazily(r, v)
	var holds func(py.Value) bool
	return generate(r, v, func() (py.Value, bool) {
		if holds == nil {
			holds = s.prepare(r, a)
		}
		r.VM.Enter()
		defer r.VM.Leave()
		for {
			item, ok := next()
			if !ok || holds(item) == s.want {
				return item, ok
			}
		}
	})
}

func (s selecting) prepare(r *jinja.Run, a py.Args) func(py.Value) bool {
	get := func(item py.Value) py.Value { return item }
	if s.byAttribute {
		if len(a.Pos) == 0 {
			py.Throw("FilterArgumentError", "Missing parameter for attribute name")
		}
		get, a.Pos = getter(r, a.Pos[0], nil, asIs), a.Pos[1:]
	}
	if len(a.Pos) == 0 {
		return func(item py.Value) bool { return r.VM.Truth(get(item)) }
	}
	test, rest := r.VM.Str(a.Pos[0]), py.Args{Pos: a.Pos[1:], Kw: a.Kw}
	return func(item py.Value) bool { return r.Test(test, get(item), rest) }
}

func batch(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("batch", "linecount", "fill_with?")
	size := r.VM.Index(p[0])
	next := lazily(r, v)
	var ahead []py.Value // at most the first item of the next batch
	return py.Generate("generator", func() (py.Value, bool) {
		row := ahead
		ahead = nil
		for {
			item, ok := next()
			if !ok {
				break
			}
			r.VM.Grow(1)
			if int64(len(row)) == size {
				ahead = []py.Value{item}
				return py.NewList(row...), true
			}
			row = append(row, item)
		}
		if len(row) == 0 {
			return nil, false
		}
		for p[1] != nil && p[1] != py.None && int64(len(row)) < size {
			r.VM.Grow(1)
			row = append(row, p[1])
		}
		return py.NewList(row...), true
	})
}

func sliced(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("slice", "slices", "fill_with?")
	found, n := r.VM.Items(v), r.VM.Index(p[0])
	if n == 0 {
		py.Throw("ZeroDivisionError", "integer division or modulo by zero")
	}
	size, extra := int64(len(found))/n, int64(len(found))%n
	i, at := int64(0), int64(0)
	return py.Generate("generator", func() (py.Value, bool) {
		if i >= n {
			return nil, false
		}
		end := at + size
		if i < extra {
			end++
		}
		r.VM.Grow(int(end-at) + 1)
		row := slices.Clone(found[at:end])
		if i >= extra && p[1] != nil && p[1] != py.None {
			row = append(row, p[1])
		}
		i, at = i+1, end
		return py.NewList(row...), true
	})
}
