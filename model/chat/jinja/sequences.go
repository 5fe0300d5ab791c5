package jinja

import (
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// getter returns what "attribute" of map, sort and others means: item.a.0.b for "a.0.b". fallback, unless nil, replaces what is undefined.
func (r *Run) getter(attribute, fallback py.Value, ignoreCase bool) func(py.Value) py.Value {
	var parts []py.Value
	if text, ok := py.Text(attribute); ok {
		for _, part := range strings.Split(text, ".") {
			if n, isInt := r.VM.ParseInt(part, 10); isInt && decimal(part[0]) {
				parts = append(parts, n)
			} else {
				parts = append(parts, part)
			}
		}
	} else if attribute != nil && attribute != py.None {
		parts = []py.Value{attribute}
	}
	return func(v py.Value) py.Value {
		for _, part := range parts {
			v = r.VM.GetItem(v, part)
			if _, undefined := v.(*py.Undefined); undefined && fallback != nil {
				v = fallback
			}
		}
		if ignoreCase {
			return r.folded(v)
		}
		return v
	}
}

// folded is text in lower case, and anything else as it is.
func (r *Run) folded(v py.Value) py.Value {
	if _, ok := py.Text(v); ok {
		return r.Filter("lower", v, py.Args{})
	}
	return v
}

// getters is getter for the comma-separated attributes of sort.
func (r *Run) getters(attribute py.Value, ignoreCase bool) func(py.Value) py.Value {
	var gets []func(py.Value) py.Value
	if text, ok := py.Text(attribute); ok {
		for _, part := range strings.Split(text, ",") {
			gets = append(gets, r.getter(part, nil, ignoreCase))
		}
	} else {
		gets = append(gets, r.getter(attribute, nil, ignoreCase))
	}
	return func(v py.Value) py.Value {
		keys := make([]py.Value, len(gets))
		for i, get := range gets {
			keys[i] = get(v)
		}
		return py.NewList(keys...)
	}
}

// sortBy sorts as Python does: stable, by < alone, and in reverse with equals still in order.
func (r *Run) sortBy(values []py.Value, key func(py.Value) py.Value, reversed bool) *py.List {
	type keyed struct{ key, value py.Value }
	r.VM.Grow(3 * len(values))
	pairs := make([]keyed, len(values))
	for i, v := range values {
		pairs[i] = keyed{key(v), v}
	}
	slices.SortStableFunc(pairs, func(a, b keyed) int {
		if reversed {
			a, b = b, a
		}
		return r.VM.Order(a.key, b.key)
	})
	sorted := make([]py.Value, len(pairs))
	for i, p := range pairs {
		sorted[i] = p.value
	}
	return py.NewList(sorted...)
}

func sorted(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("sort", "reverse?", "case_sensitive?", "attribute?")
	return r.sortBy(r.VM.Items(v), r.getters(p[2], !r.VM.Truth(p[1])), r.VM.Truth(p[0]))
}

func dictSort(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("dictsort", "case_sensitive?", "by?", "reverse?")
	rank := 0
	if p[1] != nil {
		if by := r.VM.Str(p[1]); by == "value" {
			rank = 1
		} else if by != "key" {
			py.Throw("FilterArgumentError", `You can only sort by either "key" or "value"`)
		}
	}
	d, ok := v.(*py.Dict)
	if !ok {
		py.Throw("AttributeError", "'%s' object has no attribute 'items'", py.TypeName(v))
	}
	key := r.getter(int64(rank), nil, !r.VM.Truth(p[0]))
	return r.sortBy(r.VM.Items(d.Items()), key, r.VM.Truth(p[2]))
}

func items(r *Run, v py.Value, a py.Args) py.Value {
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

func toList(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("list")
	found := r.VM.Items(v)
	r.VM.Grow(len(found))
	return py.NewList(slices.Clone(found)...)
}

func join(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("join", "d?", "attribute?")
	sep := ""
	if p[0] != nil {
		sep = r.VM.Str(p[0])
	}
	get := r.getter(p[1], nil, false)
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

func first(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("first")
	if item, ok := r.VM.MustIter(v)(); ok {
		return item
	}
	return &py.Undefined{Hint: "No first item, sequence was empty."}
}

func last(r *Run, v py.Value, a py.Args) py.Value {
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

func reverse(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("reverse")
	if _, ok := py.Text(v); ok {
		return r.VM.Slice(v, py.None, py.None, int64(-1))
	}
	if it, ok := r.VM.Reversed(v); ok {
		return it
	}
	found := slices.Clone(r.VM.Items(v))
	slices.Reverse(found)
	return py.NewList(found...)
}

func sum(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("sum", "attribute?", "start?")
	total := p[1]
	if total == nil {
		total = int64(0)
	}
	if _, ok := py.Text(total); ok {
		py.Throw("TypeError", "sum() can't sum strings [use ''.join(seq) instead]")
	}
	get := r.getter(p[0], nil, false)
	next := r.VM.MustIter(v)
	for item, ok := next(); ok; item, ok = next() {
		total = r.VM.Binary("+", total, get(item))
	}
	return total
}

// extreme is min or max: the first item that no other is beyond.
func extreme(beyond string) Filter {
	return func(r *Run, v py.Value, a py.Args) py.Value {
		p := a.Bind("min or max", "case_sensitive?", "attribute?")
		key := r.getter(p[1], nil, !r.VM.Truth(p[0]))
		next := r.VM.MustIter(v)
		best, ok := next()
		if !ok {
			return &py.Undefined{Hint: "No aggregated item, sequence was empty."}
		}
		bestKey := key(best)
		for item, ok := next(); ok; item, ok = next() {
			if k := key(item); r.VM.Compare(beyond, k, bestKey) {
				best, bestKey = item, k
			}
		}
		return best
	}
}

func unique(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("unique", "case_sensitive?", "attribute?")
	key := r.getter(p[1], nil, !r.VM.Truth(p[0]))
	seen := py.NewDict()
	next := r.lazily(v)
	return py.Generate("generator", func() (py.Value, bool) {
		for {
			item, ok := next()
			if !ok {
				return nil, false
			}
			k := key(item)
			before := seen.Len()
			r.VM.Grow(2)
			if seen.Set(k, true); seen.Len() > before {
				return item, true
			}
		}
	})
}

// lazily is iter(v) at the first item that is asked for, as a generator has it.
func (r *Run) lazily(v py.Value) func() (py.Value, bool) {
	var next func() (py.Value, bool)
	return func() (py.Value, bool) {
		if next == nil {
			next = r.VM.MustIter(v)
		}
		return next()
	}
}

func (r *Run) generate(v py.Value, next func() (py.Value, bool)) py.Value {
	if !r.VM.Truth(v) { // Jinja's map and select are empty over what is false, even where that can't be iterated over
		next = func() (py.Value, bool) { return nil, false }
	}
	return py.Generate("generator", next)
}

func mapped(r *Run, v py.Value, a py.Args) py.Value {
	next := r.lazily(v)
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
			return r.getter(p[0], p[1], false)
		}
		if len(a.Pos) == 0 {
			py.Throw("FilterArgumentError", "map requires a filter argument")
		}
		name, rest := r.VM.Str(a.Pos[0]), py.Args{Pos: a.Pos[1:], Kw: a.Kw}
		return func(item py.Value) py.Value { return r.Filter(name, item, rest) }
	}
	return r.generate(v, func() (py.Value, bool) {
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

// selecting is select, reject, selectattr or rejectattr: the items, or those with an attribute, whose test is want.
func selecting(name string, want, byAttribute bool) Filter {
	return func(r *Run, v py.Value, a py.Args) py.Value {
		next := r.lazily(v)
		var holds func(py.Value) bool
		prepare := func() func(py.Value) bool {
			get := func(item py.Value) py.Value { return item }
			if byAttribute {
				if len(a.Pos) == 0 {
					py.Throw("FilterArgumentError", "Missing parameter for attribute name")
				}
				get, a.Pos = r.getter(a.Pos[0], nil, false), a.Pos[1:]
			}
			if len(a.Pos) == 0 {
				return func(item py.Value) bool { return r.VM.Truth(get(item)) }
			}
			test, rest := r.VM.Str(a.Pos[0]), py.Args{Pos: a.Pos[1:], Kw: a.Kw}
			return func(item py.Value) bool { return r.Test(test, get(item), rest) }
		}
		return r.generate(v, func() (py.Value, bool) {
			if holds == nil {
				holds = prepare()
			}
			r.VM.Enter()
			defer r.VM.Leave()
			for {
				item, ok := next()
				if !ok || holds(item) == want {
					return item, ok
				}
			}
		})
	}
}

func groupBy(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("groupby", "attribute", "default?", "case_sensitive?")
	if p[1] == py.None {
		p[1] = nil
	}
	key, shown := r.getter(p[0], p[1], !r.VM.Truth(p[2])), r.getter(p[0], p[1], false)
	groups := py.NewList()
	var last py.Value
	for _, item := range r.sortBy(r.VM.Items(v), key, false).Items {
		k := key(item)
		if last == nil || !r.VM.Equal(last, k) {
			group := &py.Tuple{Items: []py.Value{shown(item), py.NewList()}, Names: []string{"grouper", "list"}}
			groups.Items = append(groups.Items, group)
			last = k
		}
		r.VM.Grow(1)
		list := groups.Items[len(groups.Items)-1].(*py.Tuple).Items[1].(*py.List)
		list.Items = append(list.Items, item)
	}
	return groups
}

func batch(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("batch", "linecount", "fill_with?")
	size := r.VM.Index(p[0])
	next := r.lazily(v)
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

func slices_(r *Run, v py.Value, a py.Args) py.Value {
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
